// How far a command is, in the line of -p. Spec: spec/block/img.md (BLK-IMG-007).
using System;
using System.Globalization;

namespace Ashlar.Tools.Img;

internal sealed class Progress(bool isShown) : IDisposable
{
    // Each step of 2 % is shown, not each request.
    private const double StepPercent = 2;

    private double _last = -StepPercent;
    private bool _isOver;

    public void Show(long done, long all)
    {
        double percent = all == 0 ? 100 : 100.0 * done / all;
        if (isShown && percent > _last && (percent - _last >= StepPercent || done == all))
        {
            _last = percent;
            string number = percent.ToString("F2", CultureInfo.InvariantCulture);
            Console.Out.Write($"    ({number}/100%)\r");
            Console.Out.Flush();
        }
    }

    /// <summary>Ends the line.</summary>
    public void Dispose()
    {
        if (isShown && !_isOver)
        {
            _isOver = true;
            Console.Out.Write("\n");
        }
    }
}
