// Says whether this build can switch on planted bugs, so that no program ships with them.
namespace Ashlar.E2k;

/// <summary>What kind of build of the engine this is.</summary>
public static class PlantedBuild
{
    /// <summary>True in the configuration Planted, never in Debug or Release.</summary>
    public static bool IsPresent
    {
        get
        {
#if ASHLAR_PLANTED_BUGS
            return true;
#else
            return false;
#endif
        }
    }
}
