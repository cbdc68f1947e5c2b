// Finds where one JSON text ends and the next begins in a stream of bytes: messages need no
// separator. What cannot be JSON is told at once, and the scan begins anew behind it, so that a
// client can always get back in step. Spec: spec/block/qmp.md (BLK-QMP-003, BLK-QMP-004).
using System;

namespace Ashlar.Qmp;

/// <summary>What the scanner found.</summary>
internal enum Scan
{
    /// <summary>The bytes so far are the beginning of a text, or of nothing.</summary>
    NeedsMore,

    /// <summary>A whole text.</summary>
    Text,

    /// <summary>Bytes that begin no text; they are left out.</summary>
    Fault,
}

/// <summary>A scanner of one stream. It keeps the bytes of the text under way.</summary>
internal sealed class MessageScanner
{
    private byte[] _buffer = new byte[QmpLimits.ReadBytes];
    private int _start;
    private int _end;

    // The scan goes on here, inside the text that began at _start.
    private int _at;
    private int _depth;
    private byte _quote;
    private int _quoteAt;
    private bool _isEscaped;
    private bool _isBare;
    private bool _hasEnded;

    /// <summary>The text found last; valid until the next call.</summary>
    public ReadOnlySpan<byte> Text => _buffer.AsSpan(_textStart, _textEnd - _textStart);

    private int _textStart;
    private int _textEnd;

    /// <summary>Why the last scan failed.</summary>
    public string Reason { get; private set; } = "";

    /// <summary>Room for what comes next.</summary>
    public Memory<byte> Room()
    {
        if (_start == _end && _at == _end)
        {
            _start = _end = _at = 0;
            if (_buffer.Length > QmpLimits.KeptBufferBytes)
            {
                _buffer = new byte[QmpLimits.ReadBytes];
            }
        }
        if (_buffer.Length - _end < QmpLimits.ReadBytes)
        {
            int length = _end - _start;
            byte[] target = _buffer;
            if (length + QmpLimits.ReadBytes > _buffer.Length)
            {
                target = new byte[Math.Max(_buffer.Length * 2, length + QmpLimits.ReadBytes)];
            }
            _buffer.AsSpan(_start, length).CopyTo(target);
            _buffer = target;
            _at -= _start;
            _quoteAt -= _start;
            _start = 0;
            _end = length;
        }
        return _buffer.AsMemory(_end, QmpLimits.ReadBytes);
    }

    /// <summary>That many bytes came into the room.</summary>
    public void Came(int count) => _end += count;

    /// <summary>Nothing more comes: what was begun is a fault, or ends here.</summary>
    public void End() => _hasEnded = true;

    /// <summary>Goes on with what has come.</summary>
    public Scan Next()
    {
        while (_at < _end)
        {
            byte value = _buffer[_at];
            if (_quote != 0)
            {
                if (value < 0x20)
                {
                    return Fail(_quoteAt, _at + 1);
                }
                if (_isEscaped)
                {
                    _isEscaped = false;
                }
                else if (value == (byte)'\\')
                {
                    _isEscaped = true;
                }
                else if (value == _quote)
                {
                    _quote = 0;
                    if (_depth == 0)
                    {
                        return Found(_at + 1);
                    }
                }
            }
            else if (!Outside(value, out Scan scan))
            {
                return scan;
            }
            _at++;
            if (_at - _start > QmpLimits.MessageBytesMax)
            {
                return Fail("JSON token size limit exceeded", _at);
            }
        }
        if (!_hasEnded || _start == _end)
        {
            return Scan.NeedsMore;
        }
        return _quote != 0 ? Fail(_quoteAt, _end)
            : _depth > 0 ? Fail("JSON parse error, premature EOI", _end)
            : Found(_end);
    }

    // One byte outside a string; false when it ends the scan.
    private bool Outside(byte value, out Scan scan)
    {
        scan = Scan.NeedsMore;
        bool isSpace = value is (byte)' ' or (byte)'\t' or (byte)'\r' or (byte)'\n';
        bool ends =
            isSpace || value is (byte)'{' or (byte)'[' or (byte)'}' or (byte)']' or (byte)'"';
        if (_isBare && ends)
        {
            // A number or a word ends where something else begins.
            _isBare = false;
            scan = Found(_at);
            return false;
        }
        switch (value)
        {
            case (byte)' ' or (byte)'\t' or (byte)'\r' or (byte)'\n':
                if (_depth == 0)
                {
                    _start = _at + 1;
                }
                return true;
            case (byte)'"':
                _quote = value;
                _quoteAt = _at;
                return true;
            case (byte)'{' or (byte)'[':
                if (++_depth > QmpLimits.NestingMax)
                {
                    scan = Fail("JSON nesting depth limit exceeded", _at + 1);
                    return false;
                }
                return true;
            case (byte)'}' or (byte)']':
                if (--_depth <= 0)
                {
                    scan = Found(_at + 1);
                    return false;
                }
                return true;
            case < 0x20 or >= 0x7f:
                scan = Fail(_at, _at + 1);
                return false;
            default:
                _isBare = _depth == 0;
                return true;
        }
    }

    private Scan Found(int end)
    {
        (_textStart, _textEnd) = (_start, end);
        Restart(end);
        return Scan.Text;
    }

    // The token under way cannot be.
    private Scan Fail(int start, int end) =>
        Fail("JSON parse error, " + JsonFaults.Stray(_buffer.AsSpan(start, end - start)), end);

    private Scan Fail(string reason, int end)
    {
        Reason = reason;
        Restart(end);
        return Scan.Fault;
    }

    private void Restart(int at)
    {
        _start = _at = at;
        _depth = 0;
        _quote = 0;
        _isEscaped = false;
        _isBare = false;
    }
}
