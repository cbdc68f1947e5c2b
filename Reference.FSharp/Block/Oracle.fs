/// The oracle: what a command may do (every BLK requirement).
namespace Ashlar.Reference.Block

/// What a command that succeeded returns.
type Reply =
    | Done
    /// The runs of a read that are not zero, by offset within the request's range.
    | Data of Content

/// One allowed end of a command.
type Outcome = { Result: Result<Reply, Refusal>; State: State; World: World }

/// The one step function.
module Oracle =
    /// Every outcome the profile allows; one where it leaves nothing open.
    let step (profile: Profile) (world: World) (state: State) (command: Command) : Outcome list =
        let world =
            match command with
            | Move move -> World.apply move world
            | _ -> world

        match profile.PermissionUpdate, command with
        | PermissionUpdate.Recursive, command when not command.IsMove ->
            let result, state = LegacyOracle.step profile world state command
            [ { Result = Result.map (fun () -> Done) result; State = state; World = world } ]
        | _ -> [ { Result = Ok Done; State = state; World = world } ]
