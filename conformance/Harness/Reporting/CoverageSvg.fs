/// Requirement coverage as a picture: a square for each requirement, a row for each subject; the
/// colour says whether it was accepted, refused, both, or never met.
module Ashlar.Conformance.CoverageSvg

open System.Net
open System.Text

/// What became of a requirement.
[<RequireQualifiedAccess>]
type Fate =
    | Never
    | AcceptedOnly
    | RefusedOnly
    | Both

/// The fate by counts.
let fate (tally: Tally option) : Fate =
    match tally with
    | None -> Fate.Never
    | Some t when t.Accepted > 0L && t.Refused > 0L -> Fate.Both
    | Some t when t.Refused > 0L -> Fate.RefusedOnly
    | Some t when t.Accepted > 0L -> Fate.AcceptedOnly
    | Some _ -> Fate.Never

/// The style class and the words of a fate.
let describe (fate: Fate) : string * string =
    match fate with
    | Fate.Never -> "never", "not exercised"
    | Fate.AcceptedOnly -> "accepted", "exercised, never refused by it"
    | Fate.RefusedOnly -> "refused", "only refused"
    | Fate.Both -> "both", "exercised, accepted and refused"

let private side = 26
let private gap = 4
let private labelWidth = 84

/// The picture.
let draw (coverage: Coverage) : string =
    let met = coverage.Requirements
    let bySubject = Requirements.all.Value |> List.groupBy (fun r -> Requirements.subject r.Id)

    let columns = bySubject |> List.map (fun (_, all) -> all.Length) |> List.fold max 1
    let width = labelWidth + columns * (side + gap)
    let height = bySubject.Length * (side + gap)
    let svg = StringBuilder()

    svg
        .Append($"<svg class=\"coverage\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" ")
        .Append
        $"height=\"{height}\" role=\"img\" aria-label=\"requirement coverage\">"
    |> ignore

    bySubject
    |> List.iteri (fun row (subject, all) ->
        let y = row * (side + gap)
        svg.Append($"<text class=\"t\" x=\"0\" y=\"{y + 18}\">{subject}</text>") |> ignore

        all
        |> List.iteri (fun column r ->
            let x = labelWidth + column * (side + gap)

            let tally =
                match met.TryGetValue r.Id with
                | true, found -> Some found
                | _ -> None

            let cls, words = describe (fate tally)

            let counts =
                match tally with
                | Some t -> $": {t.Accepted:N0} accepted, {t.Refused:N0} refused"
                | None -> ""

            let title = string (WebUtility.HtmlEncode $"{r.Id} {r.Title} — {words}{counts}")
            let label = r.Id.Substring(r.Id.Length - 2)

            svg
                .Append($"<g class=\"cell {cls}\"><title>{title}</title>")
                .Append(
                    $"<rect x=\"{x}\" y=\"{y}\" width=\"{side}\" height=\"{side}\" rx=\"5\"/>"
                )
                .Append($"<text x=\"{x + side / 2}\" y=\"{y + 17}\">{label}</text></g>")
            |> ignore))

    svg.Append("</svg>").ToString()
