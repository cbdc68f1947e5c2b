// The encryption of a new image: what its options say, how often its passphrase is hashed, and the
// volume itself. Spec: spec/block/img.md (BLK-IMG-020), spec/formats/luks.md (FMT-LUKS-016).
using System;
using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using Ashlar.Block;

namespace Ashlar.Tools.Img;

internal static class NewEncryption
{
    /// <summary>The options of a LUKS volume, in the order in which they are told.</summary>
    public static readonly string[] Options =
    [
        "key-secret",
        "cipher-alg",
        "cipher-mode",
        "ivgen-alg",
        "ivgen-hash-alg",
        "hash-alg",
        "iter-time",
    ];

    private const long UsualMilliseconds = 2000;

    /// <summary>
    /// Reads the options; a key is made and hashed when the volume is, not here.
    /// </summary>
    /// <param name="find">The value of an option, or null.</param>
    /// <param name="prefix">What comes before the options' names.</param>
    /// <param name="blame">How refusals begin.</param>
    /// <param name="objects">Where its secret is.</param>
    public static LuksCreationOptions Read(
        Func<string, string?> find,
        string prefix,
        string blame,
        ImageObjects objects
    )
    {
        int aesBytes = Choose("cipher-alg", 32, ("aes-128", 16), ("aes-192", 24), ("aes-256", 32));
        SectorChaining chaining = Choose(
            "cipher-mode",
            SectorChaining.Xts,
            ("xts", SectorChaining.Xts),
            ("cbc", SectorChaining.Cbc)
        );
        SectorNumbering numbering = Choose(
            "ivgen-alg",
            SectorNumbering.Plain64,
            ("plain", SectorNumbering.Plain),
            ("plain64", SectorNumbering.Plain64),
            ("essiv", SectorNumbering.Essiv)
        );
        string? usual = numbering == SectorNumbering.Essiv ? "sha256" : null;
        CipherSpec cipher = new(
            chaining == SectorChaining.Xts ? 2 * aesBytes : aesBytes,
            chaining,
            numbering,
            Hash("ivgen-hash-alg", usual),
            Hash("hash-alg", "sha256")!
        );
        if (!cipher.HasSoundNumbering)
        {
            int bytes = CipherSpec.DigestBytes(cipher.NumberingHash!);
            throw Refused($"No AES cipher with key size {Text(bytes)} available");
        }
        long milliseconds = Milliseconds(find(prefix + "iter-time"));
        ReadOnlyMemory<byte> passphrase = objects.Passphrase(
            find(prefix + "key-secret"),
            prefix + "key-secret",
            blame
        );
        double perSecond = HashesPerSecond(cipher);
        double digestHashes = CipherSpec.DigestBytes(cipher.Hash);
        // A key takes as many hashes as it has digests; a test of it one or two.
        double perKey = Math.Ceiling(cipher.KeyBytes / digestHashes);
        double perTest = Math.Ceiling(LuksHeader.DigestLength / digestHashes);
        return new LuksCreationOptions
        {
            Cipher = cipher,
            Passphrase = passphrase,
            // The test is one of eight that an open may come to, as cryptsetup has it.
            SlotIterations = Iterations(perSecond / perKey * milliseconds / 1000),
            DigestIterations = Iterations(perSecond / perTest * milliseconds / 1000 / 8),
            FillRandom = RandomNumberGenerator.Fill,
        };

        T Choose<T>(string option, T otherwise, params (string Name, T Value)[] known)
        {
            if (find(prefix + option) is not string given)
            {
                return otherwise;
            }
            foreach ((string name, T value) in known)
            {
                if (name == given)
                {
                    return value;
                }
            }
            throw NotAccepted(option, given);
        }

        string? Hash(string option, string? otherwise)
        {
            string? given = find(prefix + option) ?? otherwise;
            return given is null || CipherSpec.IsHash(given)
                ? given
                : throw NotAccepted(option, given);
        }

        // In QEMU it is a number and no size: an hour is long enough for anybody.
        long Milliseconds(string? given)
        {
            const long Longest = 3_600_000;
            if (given is null)
            {
                return UsualMilliseconds;
            }
            bool isNumber = long.TryParse(
                given,
                NumberStyles.None,
                CultureInfo.InvariantCulture,
                out long value
            );
            return !isNumber ? throw Refused($"Parameter '{prefix}iter-time' expects a number")
                : value == 0 ? throw Refused("iter-time must be non-zero")
                : Math.Min(value, Longest);
        }

        ImgException NotAccepted(string option, string value) =>
            Refused($"Parameter '{option}' does not accept value '{value}'");

        ImgException Refused(string text) => new(blame + text);
    }

    /// <summary>Makes the volume in an empty file, for a disk of a length.</summary>
    public static BlockError? Create(HostFile file, LuksCreationOptions options, long diskBytes)
    {
        long payload = LuksCreation.PayloadBytes(options.Cipher);
        if (diskBytes > long.MaxValue - payload)
        {
            return new BlockError(
                BlockErrorKind.InvalidArgument,
                "The requested file size is too large"
            );
        }
        BlockError? error = HostErrors.OfRequest(file.Truncate(payload + diskBytes), -1);
        if (error is not null)
        {
            return error;
        }
        (SectorCipher? cipher, error) = IoThread.Await(() =>
            LuksCreation.WriteAsync(new HostFileStorage(file), options)
        );
        cipher?.Dispose();
        return error;
    }

    private static int Iterations(double wanted)
    {
        // What an open would refuse is not made, however long the user would wait.
        double most = LuksHeader.HashesMax / 8.0;
        return (int)Math.Clamp(wanted, LuksCreationOptions.IterationsMin, most);
    }

    private static double HashesPerSecond(CipherSpec cipher)
    {
        const int Longest = 1 << 24;
        byte[] digest = new byte[CipherSpec.DigestBytes(cipher.Hash)];
        byte[] salt = new byte[LuksHeader.SaltBytes];
        TimeSpan enough = TimeSpan.FromMilliseconds(100);
        for (int count = 1 << 14; ; count *= 2)
        {
            long begun = Stopwatch.GetTimestamp();
            LuksKeys.Digest(cipher.Hash, salt, salt, (uint)count, digest);
            TimeSpan taken = Stopwatch.GetElapsedTime(begun);
            if (taken >= enough || count >= Longest)
            {
                return count / Math.Max(taken.TotalSeconds, 1e-6);
            }
        }
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
