/// How rules say what they did: the requirement, the node, the deciding values.
/// Coverage and explanations are collected here while the one oracle runs; when nobody asks, a
/// rule pays for one test of a length.
namespace Ashlar.Reference.Block

/// A requirement as a number: its subject times 64, plus its number in the subject.
type Rule = int

/// One step of a derivation: which requirement looked at which node and what it found.
type Step = {
    Requirement: string
    Node: string
    Values: (string * string) list
    Sentence: string
}

/// What every rule may look at: the profile, the world, and who wants to know.
type Context = {
    Profile: Profile
    World: World
    /// Bits of the requirements that were exercised, 64 a subject; empty when nobody asks.
    Touched: uint64[]
    /// The derivation so far, when one is asked for.
    Steps: ResizeArray<Step> voption
    /// What was done to the graph so far, when somebody is going to replay it.
    Actions: ResizeArray<GraphAction> voption
    /// Answers to what the model leaves open: the first ones are prescribed, the next are "yes".
    Answers: bool list
    /// The answers that were used.
    Asked: ResizeArray<bool>
}

/// Makers of contexts.
module Context =
    /// A context at the start of a command; nobody asks when there is nothing to note it in.
    let noting (profile: Profile) (world: World) touched steps : Context = {
        Profile = profile
        World = world
        Touched = touched
        Steps = steps
        Actions = ValueNone
        Answers = []
        Asked = ResizeArray(0)
    }

/// Names of requirements and the noting of what they did.
module Rule =
    /// The subjects of the requirements, in the order of their numbers.
    let subjects = [|
        "PERM"
        "GRAPH"
        "RO"
        "OPEN"
        "REOPEN"
        "FILE"
        "EXPORT"
        "DATA"
        "SIZE"
        "OBJ"
    |]

    /// BLK-PERM-nnn, and so on for the other subjects.
    let inline perm (number: int) : Rule = number

    let inline graph (number: int) : Rule = 64 + number
    let inline ro (number: int) : Rule = 128 + number
    let inline opening (number: int) : Rule = 192 + number
    let inline reopen (number: int) : Rule = 256 + number
    let inline file (number: int) : Rule = 320 + number
    let inline export (number: int) : Rule = 384 + number
    let inline data (number: int) : Rule = 448 + number
    let inline size (number: int) : Rule = 512 + number
    let inline obj (number: int) : Rule = 576 + number

    /// The id of a requirement, such as BLK-PERM-003.
    let id (rule: Rule) : string = "BLK-" + subjects[rule / 64] + "-" + (rule % 64).ToString "000"

    /// Notes that a requirement was exercised.
    let inline touch (context: Context) (rule: Rule) : unit =
        if context.Touched.Length > 0 then
            context.Touched[rule >>> 6] <- context.Touched[rule >>> 6] ||| (1UL <<< (rule &&& 63))

    /// Notes a requirement with the values that decided.
    let inline say
        (context: Context)
        (rule: Rule)
        (node: string)
        (sentence: string)
        ([<InlineIfLambda>] values: unit -> (string * string) list)
        : unit =
        touch context rule

        match context.Steps with
        | ValueSome steps ->
            steps.Add {
                Requirement = id rule
                Node = node
                Values = values ()
                Sentence = sentence
            }
        | ValueNone -> ()

    /// Notes what is about to be done to the graph.
    let inline act (context: Context) ([<InlineIfLambda>] action: unit -> GraphAction) : unit =
        match context.Actions with
        | ValueSome actions -> actions.Add(action ())
        | ValueNone -> ()

    /// The name under which the step of a refusal shows its text.
    let refusal = "text"

    /// Refuses by a requirement. What follows it in a derivation is the way back.
    let refuse (context: Context) (rule: Rule) (node: string) (text: string) : Refusal =
        say context rule node "refuses" (fun () -> [ refusal, text ])
        Refusal.generic (id rule) text

    /// "on" or "off", as options show a flag.
    let onOff (flag: bool) : string = if flag then "on" else "off"

    /// A question whose answer the model leaves open; the oracle goes through all answers.
    let choose (context: Context) : bool =
        let answer =
            match List.tryItem context.Asked.Count context.Answers with
            | Some answer -> answer
            | None -> true

        context.Asked.Add answer
        answer
