// `img snapshot`: internal snapshots listed, made, applied and deleted.
// Spec: spec/block/img.md (BLK-IMG-028).
using System;
using System.Collections.Generic;
using System.Globalization;
using System.Threading.Tasks;
using Ashlar.Block;

namespace Ashlar.Tools.Img;

internal static class SnapshotCommand
{
    public const string Usage =
        "[--object OBJECT] [--image-opts] [-U] [-q] "
        + "[-l | -a SNAPSHOT | -c SNAPSHOT | -d SNAPSHOT] FILENAME";

    private static readonly string[] Actions = ["l", "a", "c", "d"];

    private static readonly Switch[] Known =
    [
        new("l"),
        new("a", true),
        new("c", true),
        new("d", true),
        new("q"),
        new("U", Alias: "force-share"),
    ];

    public static async Task<int> RunAsync(string program, string[] arguments)
    {
        Switches given = Switches.Read(program, arguments, Known);
        List<string> asked = [];
        foreach (string action in Actions)
        {
            for (int times = given.All(action).Count; times > 0; times--)
            {
                asked.Add(action);
            }
        }
        if (asked.Count > 1)
        {
            throw ImgException.Misuse(program, "Cannot mix '-l', '-a', '-c', '-d'");
        }
        if (given.Operands.Count != 1)
        {
            throw ImgException.Misuse(program, "Expecting one image file name");
        }
        string? wanted = asked.Count > 0 ? asked[0] : null;
        ImageAccess access = new()
        {
            Objects = ImageObjects.Read(given),
            IsByOptions = given.Has("image-opts"),
            IsShared = given.Has("U"),
            IsWritable = wanted != "l",
        };
        using OpenedImage image = OpenedImage.Open(given.Operands[0], access);
        string name = wanted is null ? "" : given.Find(wanted)!;
        switch (wanted)
        {
            case "l":
                Console.Out.Write(SnapshotText.Of(await ListAsync(image).ConfigureAwait(false)));
                break;
            case "c":
                await CreateAsync(image, name).ConfigureAwait(false);
                break;
            case "a":
                await ApplyAsync(image, name).ConfigureAwait(false);
                break;
            case "d":
                await DeleteAsync(image, name).ConfigureAwait(false);
                break;
        }
        ImgException.ThrowIf(await image.User.TryFlushAsync().ConfigureAwait(false));
        return 0;
    }

    private static async Task<IReadOnlyList<Qcow2Snapshot>> ListAsync(OpenedImage image)
    {
        if (SnapshotChoice.ImageOf(image) is not { } qcow2)
        {
            return [];
        }
        Qcow2SnapshotsResult found = await qcow2.ListSnapshotsAsync().ConfigureAwait(false);
        ImgException.ThrowIf(found.Error, "Could not read snapshots: ");
        return found.Snapshots;
    }

    private static async Task CreateAsync(OpenedImage image, string name)
    {
        TimeSpan now = TimeProvider.System.GetUtcNow() - DateTimeOffset.UnixEpoch;
        BlockError? error = SnapshotChoice.ImageOf(image) is { } qcow2
            ? await qcow2.CreateSnapshotAsync(name, now).ConfigureAwait(false)
            : new BlockError(BlockErrorKind.Host, HostErrnoText.Of(HostErrno.NotSupported))
            {
                Errno = HostErrno.NotSupported,
            };
        if (error is not null)
        {
            HostErrno errno = error.Errno == HostErrno.None ? HostErrno.Io : error.Errno;
            string number = ((int)errno).ToString(CultureInfo.InvariantCulture);
            throw new ImgException($"Could not create snapshot '{name}': -{number} ({error.Text})");
        }
    }

    private static async Task ApplyAsync(OpenedImage image, string name)
    {
        string prefix = $"Could not apply snapshot '{name}': ";
        if (SnapshotChoice.ImageOf(image) is not { } qcow2)
        {
            throw new ImgException(prefix + "Block driver does not support snapshots");
        }
        prefix += "Failed to load snapshot: ";
        int index = SnapshotChoice.Find(await ListAsync(image).ConfigureAwait(false), name);
        if (index < 0)
        {
            throw new ImgException(prefix + HostErrnoText.Of(HostErrno.NoEntry));
        }
        ImgException.ThrowIf(await qcow2.ApplySnapshotAsync(index).ConfigureAwait(false), prefix);
    }

    // By name only: an id is not looked at.
    private static async Task DeleteAsync(OpenedImage image, string name)
    {
        string prefix = $"Could not delete snapshot '{name}': ";
        IReadOnlyList<Qcow2Snapshot> snapshots = await ListAsync(image).ConfigureAwait(false);
        int index = SnapshotChoice.Find(snapshots, id: null, name);
        if (index < 0)
        {
            throw new ImgException(prefix + "snapshot not found");
        }
        Qcow2Image qcow2 = SnapshotChoice.ImageOf(image)!;
        ImgException.ThrowIf(await qcow2.DeleteSnapshotAsync(index).ConfigureAwait(false), prefix);
    }
}
