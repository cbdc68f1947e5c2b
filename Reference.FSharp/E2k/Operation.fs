/// An operation as it is written: a name, a channel, operands, settings, a guard. Decoder and
/// parser make it, encoder and printer take it. Requirements: spec/e2k/operands.md.
namespace Ashlar.Reference.E2k

/// How much of a register an operand means; it is written as a prefix of the register's name.
type Width =
    /// 32 bits, no prefix.
    | Single
    /// 64 bits, or 80 of a float: `d`.
    | Double
    /// Half of a pair that holds 128 bits: `q`.
    | Quad
    /// A register of 128 bits: `qp`.
    | Packed

/// Where a register lives.
type File =
    /// %r, in the window.
    | Window
    /// %b, in the rotating part of the window.
    | Based
    /// %g.
    | Global

/// A number, or a number relative to a label; `.` is the bundle's own address.
type Value = { Symbol: string option; Offset: int64 }

/// Bits of a literal.
type LiteralSize =
    | Bits16
    | Bits32
    | Bits64

/// The literal syllable an operand names, and for 16 bits the half.
type Place = { Index: int; High: bool }

/// One operand as written.
type Argument =
    | Register of Width * File * int
    /// A name after a percent sign: `ctpr1`, `empty`, `psr`, `aad3`, `pred5`, and for local
    /// predicates the name with its `@`.
    | Named of negated: bool * string
    | Number of Value
    | Literal of LiteralSize * Place option * Value
    /// `[ base + index ]`, or with one part only.
    | Address of Argument * Argument option

/// One condition of a guard, such as `~%pred5`.
type Condition = { Negated: bool; Name: string }

/// An operation as written.
type Operation = {
    Name: string
    Channel: int option
    Speculative: bool
    Arguments: Argument list
    /// `name = value`, in the order written.
    Settings: (string * Value) list
    Guard: Condition list
}

/// Makers of operations.
module Operation =
    /// A number that is known.
    let constant (number: int64) : Value = { Symbol = None; Offset = number }

    /// An operation of a name alone.
    let named (name: string) : Operation = {
        Name = name
        Channel = None
        Speculative = false
        Arguments = []
        Settings = []
        Guard = []
    }

    /// A named setting's number, if it is there.
    let setting (name: string) (operation: Operation) =
        operation.Settings
        |> List.tryFind (fun (key, _) -> key = name)
        |> Option.map (fun (_, value) -> value.Offset)
