/// The one place where a run keeps files. A killed run leaves its directory behind, and nothing
/// else; the next run finds that nobody holds its lock and removes it.
namespace Ashlar.Conformance

open System
open System.IO

/// A directory of this process under the system's temporary directory.
[<Sealed>]
type Scratch private (directory: string, hold: FileStream) =
    static let lockName = "held"

    static let onlyOwner =
        UnixFileMode.UserRead ||| UnixFileMode.UserWrite ||| UnixFileMode.UserExecute

    /// Removes a tree; what another cleaner took first is no fault.
    static let remove (directory: string) =
        try
            Directory.Delete(directory, true)
        with
        | :? IOException
        | :? UnauthorizedAccessException -> ()

    /// Whether a process of the number that the directory's name begins with is alive: it may have
    /// made the directory and not yet its lock.
    static let hasLivingMaker (directory: string) =
        let name = string (Path.GetFileName directory)
        Directory.Exists("/proc/" + name.Substring(0, max 0 (name.IndexOf '-')))

    /// Whether the process that made the directory is gone: its lock can be had.
    static let isAbandoned (directory: string) =
        try
            use _ =
                new FileStream(
                    Path.Combine(directory, lockName),
                    FileMode.OpenOrCreate,
                    FileAccess.ReadWrite,
                    FileShare.None
                )

            true
        with
        | :? IOException
        | :? UnauthorizedAccessException -> false

    /// Takes the lock of a directory of this process, for as long as the stream lives.
    static let take (directory: string) =
        new FileStream(
            Path.Combine(directory, lockName),
            FileMode.CreateNew,
            FileAccess.ReadWrite,
            FileShare.None
        )

    /// The directory of one user's runs.
    static member Home = Path.Combine(Path.GetTempPath(), $"ashlar-conform-{Libc.userId ()}")

    /// Removes what killed runs left behind.
    static member Clean() =
        let present =
            try
                Directory.GetDirectories Scratch.Home
            with :? DirectoryNotFoundException -> [||]

        for directory in present do
            if not (hasLivingMaker directory) && isAbandoned directory then
                remove directory

    /// Cleans up after others and makes a directory for this process.
    static member Open() : Scratch =
        Scratch.Clean()
        let mutable made: Scratch | null = null
        let mutable attempt = 0

        while isNull made do
            let directory = Path.Combine(Scratch.Home, $"{Environment.ProcessId}-{attempt}")
            Directory.CreateDirectory(Scratch.Home, onlyOwner) |> ignore

            // Whoever makes the directory has its name; callers may race. When the home is gone
            // again, another run ended just now, the last one but this, and took it along.
            match Libc.tryMkdir directory with
            | Libc.Made.Yes -> made <- new Scratch(directory, take directory)
            | Libc.Made.NameIsTaken -> attempt <- attempt + 1
            | Libc.Made.NowhereToMakeIt -> ()

        nonNull made

    /// The directory.
    member _.Directory = directory

    /// A fresh subdirectory. The name of a lane's part has a slash, which makes no directory here.
    member _.Sub(name: string) : string =
        let path = Path.Combine(directory, name.Replace('/', '-'))
        Libc.mkdir path
        path

    interface IDisposable with
        member _.Dispose() =
            hold.Dispose()
            remove directory

            // The home goes with its last run; it is not empty while another run goes on, and gone
            // when another one ends at the same time.
            try
                Directory.Delete Scratch.Home
            with :? IOException ->
                ()
