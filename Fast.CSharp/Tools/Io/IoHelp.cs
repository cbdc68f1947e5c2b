// What `help COMMAND` tells beside the form of a command. Spec: spec/block/iotool.md (BLK-IOT-004).
using Ashlar.Tools.Img;

namespace Ashlar.Tools.Io;

internal static class IoHelp
{
    public const string Read =
        " 'read -P 0xcd 512 1k' reads 1,024 bytes from offset 512 and says if one is not 0xcd\n\n"
        + Shown
        + " -b, -- the saved state of a machine instead of the image\n"
        + " -l, -- how many bytes -P compares, rather than all\n"
        + " -p, -- nothing\n"
        + " -s, -- how many bytes -P leaves out at the start";

    public const string ReadVector =
        " 'readv 512 1k 4k' reads 5 KiB from offset 512 as one request\n\n"
        + Shown
        + " Only the sum of the lengths counts.";

    public const string Write =
        " 'write -P 1 512 1k' writes 1,024 bytes of 1 at offset 512; without -P they are 0xcd\n\n"
        + Written
        + " -b, -- into the saved state of a machine instead of the image\n"
        + " -c, -- compressed\n"
        + " -n, -- with -z: only where no zeroes would have to be written\n"
        + " -p, -- nothing\n"
        + " -s, -- the bytes of a file, again and again\n"
        + Zeroed;

    public const string WriteVector =
        " 'writev 512 1k 4k' writes 5 KiB at offset 512 as one request\n\n"
        + Written
        + " Only the sum of the lengths counts.";

    public const string AioRead =
        " As readv, and the next command does not wait for it; aio_flush does. The command is a\n"
        + " success whatever becomes of the request.\n\n"
        + Shown
        + " -i, -- no request, but one that is counted as invalid";

    public const string AioWrite =
        " As writev, and the next command does not wait for it; aio_flush does. The command is a\n"
        + " success whatever becomes of the request.\n\n"
        + Written
        + " -i, -- no request, but one that is counted as invalid\n"
        + Zeroed;

    public const string Discard =
        " 'discard 512 1k' gives up 1,024 bytes from offset 512\n\n"
        + " -C, -- the report in one line with commas\n"
        + " -q, -- no report";

    public const string Open =
        " 'open -n -o driver=raw disk.img' opens a raw image past the host's page cache\n\n"
        + " -r, -- nothing is written\n"
        + " -s, -- what is written is forgotten at the end\n"
        + " -C, -- what is read of a backing file is kept\n"
        + " -n, -- past the host's page cache, as -t none\n"
        + " -U, -- others may do what they want meanwhile\n"
        + " -k, -- as -i native\n"
        + " -i, -- threads, native or io_uring\n"
        + $" -t, -- {CacheMode.Names}\n"
        + " -d, -- ignore or unmap\n"
        + " -o, -- options of the image's driver";

    public const string Reopen =
        " 'reopen -r' makes the image read-only\n\n"
        + " -r, -- read-only\n"
        + " -w, -- read-write\n"
        + " -c, -- another cache mode\n"
        + " -o, -- other options of the image's driver, as those of open";

    public const string SigRaise = " 'sigraise 15' sends the program SIGTERM";

    private const string Shown =
        " -C, -- the report in one line with commas\n"
        + " -P, -- the byte that all are to be\n"
        + " -q, -- no report\n"
        + " -v, -- the bytes themselves\n";

    private const string Written =
        " -C, -- the report in one line with commas\n"
        + " -f, -- durable before the end of the request\n"
        + " -P, -- the byte to write\n"
        + " -q, -- no report\n";

    private const string Zeroed =
        " -u, -- with -z: storage may be given up\n" + " -z, -- zeroes, without any bytes";
}
