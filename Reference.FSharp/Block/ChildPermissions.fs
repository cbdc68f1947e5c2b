/// What a node asks of its children: one pure rule per driver (BLK-PERM-010 to BLK-PERM-026).
/// Not here: whether the child can give it (Refresh).
namespace Ashlar.Reference.Block

/// The rules from a parent's cumulative pair to the pair on an edge.
module ChildPermissions =
    /// A filter passes both sets on (BLK-PERM-010): throttle (BLK-PERM-022), raw without a window.
    let private filter perm shared : struct (Perm * Perm) = struct (perm, shared)

    /// A backing child is only read; its content must stay (BLK-PERM-011).
    let private cow perm shared : struct (Perm * Perm) =
        let changes =
            if Perm.meets Perm.W shared then
                Perm.changing
            else
                Perm.None

        struct (perm &&& Perm.CR, Perm.CR ||| Perm.WU ||| changes)

    /// Storage: tables first (BLK-PERM-012), then guest data (BLK-PERM-013).
    let private storage role writable perm shared : struct (Perm * Perm) =
        let mutable perm = perm
        let mutable shared = shared

        if Role.has Role.Metadata role then
            perm <- perm ||| Perm.CR ||| (if writable then Perm.changing else Perm.None)
            shared <- Perm.minus shared Perm.changing

        if Role.has Role.Data role then
            shared <- Perm.minus shared Perm.RZ

            if Perm.meets Perm.WU perm then
                perm <- perm ||| Perm.W

            if Perm.meets Perm.W perm then
                perm <- perm ||| Perm.RZ

        struct (perm, shared)

    /// The rule of the role alone.
    let private byRole role writable perm shared =
        if Role.has Role.Filtered role then filter perm shared
        elif Role.has Role.Cow role then cow perm shared
        else storage role writable perm shared

    /// raw changes its child only where its users change it (BLK-PERM-020).
    let private raw role writable perm shared : struct (Perm * Perm) =
        let struct (p, s) = byRole role writable perm shared
        struct (Perm.minus p Perm.changing ||| (perm &&& Perm.changing), s)

    /// copy-on-read writes what it read, unchanged (BLK-PERM-023).
    let private copyOnRead perm shared : struct (Perm * Perm) =
        struct (perm ||| Perm.WU, shared ||| Perm.WU)

    /// Each copy of a quorum must stay equal to the others (BLK-PERM-025).
    let private quorum rewrites perm shared : struct (Perm * Perm) =
        let rewriting = if rewrites then Perm.W else Perm.None
        struct (perm ||| rewriting, shared &&& (Perm.CR ||| Perm.WU))

    /// The requirement that holds the driver's rule.
    let private requirement (node: Node) role =
        match node.Driver with
        | Driver.Raw -> Rule.perm 20
        | Driver.Throttle -> Rule.perm 22
        | Driver.CopyOnRead -> Rule.perm 23
        | Driver.Blkdebug -> Rule.perm 24
        | Driver.Quorum -> Rule.perm 25
        | Driver.Qcow2 when Role.has Role.Cow role -> Rule.perm 11
        | Driver.Qcow2 when Role.has Role.Metadata role -> Rule.perm 12
        | Driver.Qcow2 -> Rule.perm 21
        | _ -> Rule.perm 26

    /// The pair an edge gets: the driver's rule, then BLK-PERM-014 for the child.
    /// Writable is the parent's flag as after the change.
    let edge
        (context: Context)
        (node: Node)
        (writable: bool)
        (role: Role)
        (child: Node)
        (struct (perm: Perm, shared: Perm))
        : struct (Perm * Perm) =
        let struct (p, s) =
            match node.Settings with
            | Settings.Raw _ -> raw role writable perm shared
            | Settings.CopyOnRead -> copyOnRead perm shared
            | Settings.Blkdebug(take, unshare) -> struct (perm ||| take, Perm.minus shared unshare)
            | Settings.Quorum(_, rewrites, _) -> quorum rewrites perm shared
            | _ -> byRole role writable perm shared

        Rule.say context (requirement node role) node.Name "asks of its child" (fun () -> [
            "child", child.Name
            "users' perm", Perm.show perm
            "users' shared", Perm.show shared
            "writable", Rule.onOff writable
            "perm", Perm.show p
            "shared", Perm.show s
        ])

        if Role.has Role.Filtered role then
            Rule.touch context (Rule.perm 10)
        elif Role.has Role.Data role && node.Driver = Driver.Qcow2 then
            Rule.touch context (Rule.perm 13)
            Rule.touch context (Rule.perm 21)

        if child.ForceShare then
            Rule.say context (Rule.perm 14) child.Name "shares all (force-share)" (fun () -> [])
            struct (p, Perm.All)
        else
            struct (p, s)
