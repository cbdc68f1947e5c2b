// Where a request's memory is while the kernel works on it.
namespace Ashlar.Block;

internal sealed partial class IoRequest
{
    /// <summary>The memory of the rest, which stays where it is until the end.</summary>
    internal unsafe nint PinnedAddress
    {
        get
        {
            if (!_isPinned)
            {
                _pin = _buffer.Pin();
                _isPinned = true;
            }
            return (nint)_pin.Pointer + (nint)(_buffer.Length - LengthBytes);
        }
    }
}
