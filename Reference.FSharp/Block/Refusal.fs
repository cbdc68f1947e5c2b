/// A refusal: the one way a command can fail (every requirement that says "refused").
namespace Ashlar.Reference.Block

/// Why a command was refused. Requirement is the id of the rule that decided, Class and Text are
/// what QMP reports.
type Refusal = { Requirement: string; Class: string; Text: string }

/// Makers of refusals.
module Refusal =
    /// The text that stands for any, where the profile leaves it open.
    let anyText = "*"

    /// The refusal of something that was opened on behalf of something else.
    let prefix (words: string) (refusal: Refusal) : Refusal =
        if refusal.Text = anyText then
            refusal
        else
            { refusal with Text = words + refusal.Text }

    /// A refusal of class GenericError.
    let generic (requirement: string) (text: string) : Refusal = {
        Requirement = requirement
        Class = "GenericError"
        Text = text
    }

    /// A refusal of class DeviceNotFound.
    let deviceNotFound (requirement: string) (text: string) : Refusal = {
        Requirement = requirement
        Class = "DeviceNotFound"
        Text = text
    }
