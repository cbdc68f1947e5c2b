// What --object makes for a command: the secrets of encrypted images. Each image is opened in a
// graph of its own, and each graph gets them all. Spec: spec/block/img.md (BLK-IMG-018).
using System;
using System.Collections.Generic;
using Ashlar.Block;
using Ashlar.Qmp;
using Ashlar.Tools.Options;
using Ashlar.Tools.Storaged;

namespace Ashlar.Tools.Img;

/// <summary>The objects of a command line.</summary>
internal sealed class ImageObjects
{
    /// <summary>No object at all.</summary>
    public static readonly ImageObjects None = new([]);

    private readonly List<OptionValue> _all;

    private ImageObjects(List<OptionValue> all)
    {
        _all = all;
    }

    /// <summary>Reads every --object; what is wrong with one ends the command.</summary>
    public static ImageObjects Read(Switches given)
    {
        List<OptionValue> all = [];
        foreach (string text in given.All("object"))
        {
            try
            {
                all.Add(OptionArgument.Read(text, "qom-type", ObjectForms.Object));
            }
            catch (StartException error)
            {
                throw new ImgException(error.Message);
            }
        }
        ImageObjects objects = new(all);
        // Whether they can be made is told before anything else is tried.
        using BlockGraph graph = NewGraph();
        objects.AddTo(graph);
        return objects;
    }

    /// <summary>Makes the objects in a graph.</summary>
    public void AddTo(BlockGraph graph)
    {
        ObjectCommands commands = new(graph);
        foreach (OptionValue one in _all)
        {
            if (commands.Add(one).ErrorText is string text)
            {
                throw new ImgException(text);
            }
        }
    }

    /// <summary>What a secret keeps, for an image that is not yet there to ask for it.</summary>
    public ReadOnlyMemory<byte> Passphrase(string? id, string option, string prefix)
    {
        using BlockGraph graph = NewGraph();
        AddTo(graph);
        ImgException.ThrowIf(
            EncryptionSecrets.TryFind(graph, id, option, out ReadOnlyMemory<byte> found),
            prefix
        );
        // The graph's own bytes are cleared with it.
        return found.ToArray();
    }

    private static BlockGraph NewGraph() =>
        new(new BlockGraphOptions { HostFiles = LinuxHostFiles.Instance });
}
