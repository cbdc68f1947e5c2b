// A check of the whole image, alone with it (FMT-QCOW2-801).
using System.Threading.Tasks;

namespace Ashlar.Block;

internal sealed partial class Qcow2Image
{
    /// <summary>
    /// Counts all references anew and compares; an error when that cannot be done. What is held
    /// back is not looked at: a writer writes back before.
    /// </summary>
    internal async ValueTask<(Qcow2CheckResult Result, BlockError? Error)> CheckAsync()
    {
        // Their clusters would look like leaks.
        if (_tables.Header.HasBitmaps)
        {
            return (new(), Qcow2Header.Refused("qcow2: Image has persistent bitmaps"));
        }
        await _gate.EnterAsync().ConfigureAwait(false);
        try
        {
            Qcow2Checker checker = new(_tables.Storage, _tables.Header);
            return await checker.RunAsync().ConfigureAwait(false);
        }
        finally
        {
            _gate.Leave();
        }
    }
}
