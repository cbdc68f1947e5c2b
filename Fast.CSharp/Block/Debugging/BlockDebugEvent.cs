// What a driver is about to do, by QEMU's names: the moments at which blkdebug can act.
// Spec: spec/block/debugging.md (BLK-DEBUG-001).
using System;
using System.Threading.Tasks;

namespace Ashlar.Block;

/// <summary>A moment in a request.</summary>
public enum BlockDebugEvent
{
    L1Update,
    L1GrowAllocTable,
    L1GrowWriteTable,
    L1GrowActivateTable,
    L2Load,
    L2Update,
    L2UpdateCompressed,
    L2AllocCowRead,
    L2AllocWrite,
    ReadAio,
    ReadBackingAio,
    ReadCompressed,
    WriteAio,
    WriteCompressed,
    VmstateLoad,
    VmstateSave,
    CowRead,
    CowWrite,
    ReftableLoad,
    ReftableGrow,
    ReftableUpdate,
    RefblockLoad,
    RefblockUpdate,
    RefblockUpdatePart,
    RefblockAlloc,
    RefblockAllocHookup,
    RefblockAllocWrite,
    RefblockAllocWriteBlocks,
    RefblockAllocWriteTable,
    RefblockAllocSwitchTable,
    ClusterAlloc,
    ClusterAllocBytes,
    ClusterFree,
    FlushToOs,
    FlushToDisk,
    PwritevRmwHead,
    PwritevRmwAfterHead,
    PwritevRmwTail,
    PwritevRmwAfterTail,
    Pwritev,
    PwritevZero,
    PwritevDone,
    EmptyImagePrepare,
    L1ShrinkWriteTable,
    L1ShrinkFreeL2Clusters,
    CorWrite,
    ClusterAllocSpace,
    None,
}

/// <summary>
/// A driver that is told what its parent is about to do, and may hold the parent up.
/// </summary>
internal interface IDebugEvents
{
    /// <summary>Completes when the parent may go on.</summary>
    ValueTask OnEventAsync(BlockDebugEvent happened);
}

/// <summary>The names of events.</summary>
public static class BlockDebugEvents
{
    private static readonly string[] Names = Array.ConvertAll(
        Enum.GetNames<BlockDebugEvent>(),
        ToName
    );

    /// <summary>The event of a name such as <c>l2_load</c>; null for none.</summary>
    public static BlockDebugEvent? Find(string name)
    {
        int index = Array.IndexOf(Names, name);
        return index < 0 ? null : (BlockDebugEvent)index;
    }

    // L2AllocCowRead is l2_alloc_cow_read.
    private static string ToName(string word)
    {
        string name = "";
        foreach (char letter in word)
        {
            string gap = char.IsAsciiLetterUpper(letter) && name.Length > 0 ? "_" : "";
            name += gap + char.ToLowerInvariant(letter);
        }
        return name;
    }
}
