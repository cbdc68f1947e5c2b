// Which snapshot a command line means, and an image that shows it. Spec: spec/block/img.md
// (BLK-IMG-028, BLK-IMG-029).
using System;
using System.Collections.Generic;
using System.Threading.Tasks;
using Ashlar.Block;

namespace Ashlar.Tools.Img;

internal static class SnapshotChoice
{
    private const string OptionPrefix = "snapshot.";

    /// <summary>The qcow2 image that is open; null for another format.</summary>
    public static Qcow2Image? ImageOf(OpenedImage image) =>
        (image.Node.Driver as Qcow2Driver)?.Image;

    /// <summary>The place of the first snapshot of that id, else of that name; or -1.</summary>
    public static int Find(IReadOnlyList<Qcow2Snapshot> snapshots, string idOrName)
    {
        int byId = Find(snapshots, idOrName, name: null);
        return byId >= 0 ? byId : Find(snapshots, id: null, idOrName);
    }

    /// <summary>The place of the first snapshot that has what is not null; or -1.</summary>
    public static int Find(IReadOnlyList<Qcow2Snapshot> snapshots, string? id, string? name)
    {
        for (int index = 0; index < snapshots.Count; index++)
        {
            bool isMeant =
                (id is null || snapshots[index].Id == id)
                && (name is null || snapshots[index].Name == name);
            if (isMeant && (id ?? name) is not null)
            {
                return index;
            }
        }
        return -1;
    }

    /// <summary>
    /// Lets an image that is open for reading show the snapshot that -l names: an id, a name, or
    /// snapshot.id=ID,snapshot.name=NAME.
    /// </summary>
    public static async Task ShowAsync(OpenedImage image, string text)
    {
        const string Prefix = "Failed to load snapshot: ";
        bool isOptions = text.StartsWith(OptionPrefix, StringComparison.Ordinal);
        (string? id, string? name) = isOptions ? Read(text) : (null, null);
        if (ImageOf(image) is not { } qcow2)
        {
            throw new ImgException(
                $"{Prefix}Block format '{image.Node.DriverName}' used by device '' does not "
                    + "support temporarily loading internal snapshots"
            );
        }
        Qcow2SnapshotsResult found = await qcow2.ListSnapshotsAsync().ConfigureAwait(false);
        ImgException.ThrowIf(found.Error, Prefix);
        int index = isOptions ? Find(found.Snapshots, id, name) : Find(found.Snapshots, text);
        if (index < 0)
        {
            throw new ImgException(Prefix + "Can't find snapshot");
        }
        ImgException.ThrowIf(
            await qcow2.ShowSnapshotAsync(found.Snapshots[index]).ConfigureAwait(false),
            Prefix
        );
    }

    // Options with commas between them; one that belongs to a value is doubled.
    private static (string? Id, string? Name) Read(string text)
    {
        const char Comma = '\0';
        string? id = null;
        string? name = null;
        foreach (string part in text.Replace(",,", $"{Comma}", StringComparison.Ordinal).Split(','))
        {
            string option = part.Replace(Comma, ',');
            int equals = option.IndexOf('=', StringComparison.Ordinal);
            string key = equals < 0 ? option : option[..equals];
            string value = equals < 0 ? "on" : option[(equals + 1)..];
            switch (key)
            {
                case OptionPrefix + "id":
                    id = value;
                    break;
                case OptionPrefix + "name":
                    name = value;
                    break;
                default:
                    throw new ImgException(
                        $"Invalid parameter '{key}'",
                        $"Failed in parsing snapshot param '{text}'"
                    );
            }
        }
        return (id, name);
    }
}
