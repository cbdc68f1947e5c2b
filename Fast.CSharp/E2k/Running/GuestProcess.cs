// Running a program: fetching bundles, which are decoded once, stepping, and system calls. Spec:
// spec/e2k/step.md, E2K-RUN.
using System;
using System.Collections.Generic;

namespace Ashlar.E2k;

/// <summary>How a run ended.</summary>
public enum EndingKind : byte
{
    /// <summary>The program has ended itself.</summary>
    Exited,

    /// <summary>A signal killed it.</summary>
    Killed,

    /// <summary>The limit of bundles was reached.</summary>
    Stopped,
}

/// <summary>
/// The end of a run: the exit status or the signal's number, and the trap where one was the reason.
/// </summary>
public readonly record struct Ending(EndingKind Kind, int Status, Trap Trap);

/// <summary>What a run is given besides the program.</summary>
public sealed record GuestOptions
{
    /// <summary>
    /// Pages that a program may have unless more are asked for: 1 GiB (E2K-RUN-001).
    /// </summary>
    public const long PagesMaxByDefault = 1 << 18;

    /// <summary>The version where neither user nor file names one.</summary>
    public const int VersionByDefault = 2;

    /// <summary>Of the instruction set; null is what the file asks for.</summary>
    public int? Version { get; init; }

    public bool HasTags { get; init; } = true;

    /// <summary>Whether paths that are taken often are translated (E2K-RUN-004).</summary>
    public bool Translates { get; init; } = true;

    public long PagesMax { get; init; } = PagesMaxByDefault;

    /// <summary>Which files of the host it may reach.</summary>
    public FilePolicy Files { get; init; } = new(".");

    /// <summary>Is told a line for each system call (E2K-SYS-019).</summary>
    public Action<string>? SystemCalls { get; init; }

    /// <summary>argv, the program's name first.</summary>
    public IReadOnlyList<string> Arguments { get; init; } = [];

    /// <summary>NAME=VALUE.</summary>
    public IReadOnlyList<string> Environment { get; init; } = [];
}

/// <summary>A program that runs.</summary>
public sealed class GuestProcess : IDisposable
{
    private const int Arguments = 6;

    private readonly Dictionary<ulong, Bundle> _bundles = [];
    private readonly BundleDecoder _decoder;
    private readonly Kernel _kernel;
    private readonly Signals _signals;
    private readonly Outside _outside;
    private readonly Translator? _translator;
    private int _codeChanges;

    private GuestProcess(Machine machine, IHost host, Image image, GuestOptions options)
    {
        Machine = machine;
        Image = image;
        Interpreter = new(machine);
        _decoder = new(machine.Version);
        _outside = new(host, options.Files, options.PagesMax);
        _signals = new(machine);
        _kernel = new(machine, _signals, _outside, image, options.SystemCalls);
        _translator = options.Translates ? new(machine) : null;
        _ = _outside.Call(
            machine.Memory,
            (ulong)CallNumber.Draw,
            [image.Random, ElfLoader.RandomBytes, 0, 0, 0, 0]
        );
        _codeChanges = machine.Memory.CodeChanges;
    }

    public Machine Machine { get; }

    public Image Image { get; }

    /// <summary>What the last bundle that was stepped wrote.</summary>
    public Interpreter Interpreter { get; }

    /// <summary>Bundles that were carried out.</summary>
    public long Retired { get; private set; }

    /// <summary>Those of them that translated code carried out.</summary>
    public long Translated { get; private set; }

    /// <summary>A program in its first state.</summary>
    /// <exception cref="ElfRefusalException">The file is no program for this machine.</exception>
    public static GuestProcess Start(ReadOnlySpan<byte> file, GuestOptions options, IHost host)
    {
        ArgumentNullException.ThrowIfNull(options);
        GuestMemory memory = new(options.PagesMax);
        Image image;
        try
        {
            image = ElfLoader.Load(memory, file, options.Arguments, options.Environment);
        }
        catch (ElfRefusalException)
        {
            memory.Dispose();
            throw;
        }
        int version = options.Version ?? image.Version ?? GuestOptions.VersionByDefault;
        Machine machine = new(version, options.HasTags, memory, image.Entry)
        {
            StackLimit = image.StackLimit,
        };
        machine.Now.StackTop = image.StackTop;
        return new(machine, host, image, options);
    }

    /// <summary>
    /// Carries out one bundle, entering and leaving handlers of signals on the way; null while the
    /// program goes on.
    /// </summary>
    public Ending? Step()
    {
        long retired = Retired;
        Ending? ending = null;
        while (ending is null && Retired == retired)
        {
            ending = StepOnce();
        }
        return ending;
    }

    /// <summary>One bundle, or one handler that is entered or left in its place.</summary>
    private Ending? StepOnce()
    {
        if (_signals.IsUnsettled)
        {
            return Settle();
        }
        Trap trap = TryBundleAt(Machine.Now.Ip, out Bundle? bundle);
        return trap.Kind == TrapKind.None ? Step(bundle!) : Trapped(trap);
    }

    /// <summary>
    /// Carries out bundles until an end, at most so many more (E2K-RUN-003); paths that are taken
    /// often are translated unless that is switched off.
    /// </summary>
    public Ending Run(long bundlesMax)
    {
        long last = bundlesMax > long.MaxValue - Retired ? long.MaxValue : Retired + bundlesMax;
        bool mayBegin = _translator is not null;
        while (Retired < last)
        {
            if (_signals.IsUnsettled && Settle() is { } killed)
            {
                return killed;
            }
            Refresh();
            if (mayBegin && !_translator!.IsRecording)
            {
                long done = _translator.Run(last - Retired);
                Retired += done;
                Translated += done;
                if (Retired == last)
                {
                    break;
                }
            }
            if (StepRecorded() is { } ending)
            {
                return ending;
            }
            mayBegin = _translator is not null && Interpreter.IsTaken;
        }
        return Last();
    }

    /// <summary>
    /// Carries out bundles one by one until an end, at most so many, and tells a line for each
    /// (E2K-RUN-005).
    /// </summary>
    public Ending Trace(long bundlesMax, Action<string> told)
    {
        ArgumentNullException.ThrowIfNull(told);
        for (long left = bundlesMax; left > 0; )
        {
            Control before = Machine.Now;
            long retired = Retired;
            Ending? ending = StepOnce();
            if (Retired > retired)
            {
                left--;
                told(RetireText.Line(before, Machine, Interpreter));
            }
            if (ending is { } end)
            {
                return end;
            }
        }
        return Last();
    }

    /// <summary>At the limit a signal of the last call still counts.</summary>
    private Ending Last() =>
        _signals.IsUnsettled && Settle() is { } killed
            ? killed
            : new(EndingKind.Stopped, 0, default);

    public void Dispose()
    {
        _outside.Dispose();
        Machine.Dispose();
    }

    /// <summary>
    /// The bundle at an address (E2K-RUN-002); what was decoded holds until code is written.
    /// </summary>
    internal Trap TryBundleAt(ulong address, out Bundle? bundle)
    {
        Refresh();
        if (_bundles.TryGetValue(address, out bundle))
        {
            return default;
        }
        Span<uint> words = stackalloc uint[Syllables.WordsMax];
        int count = 1;
        for (int index = 0; index < count; index++)
        {
            ulong place = address + (ulong)(4 * index);
            if (!Machine.Memory.TryFetch(place, out words[index]))
            {
                return new(TrapKind.PageFault, place);
            }
            count = Syllables.LengthOf(words[0]);
        }
        if (_decoder.TryDecode(words[..count], out bundle) is { } wrong)
        {
            return new(TrapKind.IllegalOperation, 0, wrong);
        }
        _bundles.Add(address, bundle!);
        return default;
    }

    private Ending? StepRecorded()
    {
        if (_translator is not { IsRecording: true } translator)
        {
            return Step();
        }
        Trap trap = TryBundleAt(Machine.Now.Ip, out Bundle? bundle);
        if (trap.Kind != TrapKind.None)
        {
            return Trapped(trap);
        }
        translator.Before(bundle!);
        Ending? ending = Step(bundle!);
        if (ending is null && translator.IsRecording)
        {
            translator.After(Interpreter.IsTaken);
        }
        return ending;
    }

    private Ending? Step(Bundle bundle)
    {
        Trap trap = Interpreter.Step(bundle);
        if (trap.Kind != TrapKind.None)
        {
            return Trapped(trap);
        }
        Retired++;
        if (Interpreter.SystemCall is { } call)
        {
            CallSystem(call.Entry, call.Place);
            if (_kernel.ExitStatus is { } status)
            {
                return new(EndingKind.Exited, status, default);
            }
        }
        return null;
    }

    /// <summary>What the last call has made of signals: handlers, or the end.</summary>
    private Ending? Settle()
    {
        int signal = _signals.Settle();
        return signal == 0 ? null : new(EndingKind.Killed, signal, default);
    }

    /// <summary>A handler that is entered or left, or the end (E2K-TRAP-003).</summary>
    private Ending? Trapped(Trap trap)
    {
        // A path goes on from one bundle to the next.
        if (_translator is { IsRecording: true })
        {
            _translator.Clear();
        }
        // Where a handler ended, a signal that waited is the reason, not the trap.
        bool isLeft = _signals.IsLeft(trap);
        int signal = _signals.Trapped(trap);
        return signal == 0 ? null : new(EndingKind.Killed, signal, isLeft ? default : trap);
    }

    /// <summary>What was made of code holds until code is written (E2K-MEM-004).</summary>
    private void Refresh()
    {
        if (Machine.Memory.CodeChanges != _codeChanges)
        {
            _bundles.Clear();
            _translator?.Clear();
            _codeChanges = Machine.Memory.CodeChanges;
        }
    }

    /// <summary>
    /// Arguments are the first registers of the window that the call would have had; the result
    /// goes to the first, and the others are invalid (E2K-SYS-002).
    /// </summary>
    private void CallSystem(int entry, int place)
    {
        RegisterFile registers = Machine.Registers;
        WindowPart window = Machine.Now.Window;
        int first = RegisterFile.Globals + place;
        int last = RegisterFile.Globals + window.Base + window.Size - 1;
        Span<ulong> arguments = stackalloc ulong[Arguments];
        for (int index = 0; index < Arguments; index++)
        {
            int register = first + 1 + index;
            arguments[index] = register > last ? 0 : registers.Read(register).Low;
        }
        long result =
            registers.TagOf(first) == 0
                ? _kernel.CallBy(entry, registers.Read(first).Low, arguments, place)
                : _kernel.Refuse(entry);
        if (_kernel.ExitStatus is not null || _signals.IsReturning)
        {
            return;
        }
        for (int register = first + 1; register <= last; register++)
        {
            registers.Write(register, default, Machine.HasTags ? Tags.Invalid(Width.Double) : 0);
        }
        registers.Write(first, new((ulong)result, 0), 0);
    }
}
