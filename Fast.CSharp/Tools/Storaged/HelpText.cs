// What --help and --version print. Spec: spec/block/storaged.md (BLK-SD-004).
using Ashlar.Qmp;

namespace Ashlar.Tools.Storaged;

internal static class HelpText
{
    /// <summary>The text of --version; the first line begins as QEMU's does.</summary>
    public static string Version(QmpVersion version) =>
        $"qemu-storage-daemon version {version.Major}.{version.Minor}.{version.Micro} "
        + $"({version.Package})\nCopyright (c) the Ashlar authors\n";

    /// <summary>The text of --help.</summary>
    public static string Usage(string program) =>
        $"""
            Usage: {program} [options]
            A storage daemon with the interface of qemu-storage-daemon

            Options that stand for themselves:
              -h, --help            print this text and end
              -V, --version         print the version and end
              --daemonize           go on in the background; the command ends once the daemon serves
              --pidfile PATH        write the process id to PATH, locked while the daemon lives

            Options that are carried out in the order they are given:
              --blockdev [driver=]DRIVER,node-name=NAME[,OPTION=VALUE...]
                                    add a node, as blockdev-add does
              --object [qom-type=]TYPE,id=ID[,PROPERTY=VALUE...]
                                    add an object; `--object help` lists types, and
                                    `--object TYPE,help` the properties of one
              --nbd-server addr.type=unix,addr.path=PATH[,max-connections=N]
              --nbd-server addr.type=inet,addr.host=HOST,addr.port=PORT[,max-connections=N]
                                    start the NBD server
              --export [type=]nbd,id=ID,node-name=NODE[,name=NAME][,writable=on|off]
                                    export a node over NBD
              --chardev stdio,id=ID
              --chardev socket,id=ID,path=PATH[,server=on|off][,wait=on|off]
              --chardev socket,id=ID,host=HOST,port=PORT[,server=on|off][,wait=on|off]
              --chardev socket,id=ID,fd=NUMBER[,server=on|off]
                                    make a channel for a monitor
              --monitor [chardev=]ID[,mode=control][,pretty=on|off]
                                    speak QMP over a channel

            The argument of --blockdev, --object, --nbd-server, --export and --monitor may be JSON
            instead: an object in braces. --trace (-T) is refused: there is no tracing.

            """;
}
