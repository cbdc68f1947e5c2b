/// A block graph as a drawing: users on top, files at the bottom, every edge with its permissions.
/// Colours come from the page's style sheet, so that the drawing suits light and dark.
module Ashlar.Conformance.GraphSvg

open System
open System.Globalization
open System.Text
open System.Net

/// One box.
type private Box = {
    Key: string
    Title: string
    Sub: string
    /// A style class: node, ro, user.
    Class: string
}

/// One arrow; equal positions of parallel arrows are told apart by Slot.
type private Arrow = { From: string; Target: string; Name: string; Masks: string; Marked: bool }

let private boxWidth = 148.0
let private boxHeight = 40.0
let private gapX = 110.0
let private gapY = 92.0
let private margin = 14.0

let private number (x: float) = x.ToString("0.#", CultureInfo.InvariantCulture)
let private escape (text: string) : string = string (WebUtility.HtmlEncode text)

let private short (text: string) (count: int) =
    if text.Length <= count then
        text
    else
        text.Substring(0, count - 1) + "…"

let private boxesOf (o: Observation) : Box list =
    let users =
        o.Backends
        |> List.indexed
        |> List.map (fun (i, b) -> {
            Key = $"u{i}"
            Title =
                (match b.Name with
                 | Some name -> name
                 | None -> "export")
            Sub = "backend"
            Class = "user"
        })

    let nodes =
        o.Nodes
        |> List.map (fun n -> {
            Key = n.Name
            Title = n.Name
            Sub = $"""{n.Driver}, {if n.ReadOnly then "ro" else "rw"}"""
            Class = if n.ReadOnly then "ro" else "node"
        })

    users @ nodes

let private masks (perm: Ashlar.Reference.Block.Perm) (shared: Ashlar.Reference.Block.Perm) =
    $"{Observation.permText perm} / {Observation.permText shared}"

let private arrowsOf (o: Observation) (marked: ObservedEdge -> bool) : Arrow list =
    let users =
        o.Backends
        |> List.indexed
        |> List.map (fun (i, b) -> {
            From = $"u{i}"
            Target = b.Node
            Name = "root"
            Masks = masks b.Perm b.Shared
            Marked = false
        })

    let edges =
        o.Nodes
        |> List.collect _.Children
        |> List.map (fun e -> {
            From = Observation.holderText e.Holder
            Target = e.Child
            Name = e.Name
            Masks = masks e.Perm e.Shared
            Marked = marked e
        })

    users @ edges

/// The row of each box: below everything that points at it.
let private rows (boxes: Box list) (arrows: Arrow list) : Map<string, int> =
    let rec settle (level: Map<string, int>) (rounds: int) =
        let lowered =
            (level, arrows)
            ||> List.fold (fun level arrow ->
                let wanted = (Map.tryFind arrow.From level |> Option.defaultValue 0) + 1

                match Map.tryFind arrow.Target level with
                | Some have when have < wanted -> level.Add(arrow.Target, wanted)
                | _ -> level)

        if rounds = 0 || lowered = level then
            level
        else
            settle lowered (rounds - 1)

    settle (boxes |> List.map (fun b -> b.Key, 0) |> Map.ofList) (boxes.Length + 1)

/// Places in a row, ordered by the middle of what points at a box, so that arrows cross little.
let private places (boxes: Box list) (arrows: Arrow list) : Map<string, float * float> =
    let level = rows boxes arrows

    (Map.empty, boxes |> List.groupBy (fun b -> level[b.Key]) |> List.sortBy fst)
    ||> List.fold (fun placed (row, inRow) ->
        let pull (b: Box) =
            let from =
                arrows
                |> List.filter (fun a -> a.Target = b.Key)
                |> List.choose (fun a -> Map.tryFind a.From placed |> Option.map fst)

            if from.IsEmpty then 0.0 else List.average from

        (placed, inRow |> List.sortBy pull |> List.indexed)
        ||> List.fold (fun placed (i, b) ->
            let x = margin + float i * (boxWidth + gapX)
            let y = margin + float row * gapY
            placed.Add(b.Key, (x, y))))

let private drawBox (into: StringBuilder) (x: float, y: float) (box: Box) =
    into
        .Append($"<g class=\"box {box.Class}\"><rect x=\"{number x}\" y=\"{number y}\" rx=\"7\" ")
        .Append($"width=\"{number boxWidth}\" height=\"{number boxHeight}\"/>")
        .Append($"<text class=\"t\" x=\"{number (x + boxWidth / 2.0)}\" y=\"{number (y + 17.0)}\">")
        .Append(escape (short box.Title 20))
        .Append($"</text><text class=\"s\" x=\"{number (x + boxWidth / 2.0)}\" ")
        .Append($"y=\"{number (y + 32.0)}\">{escape box.Sub}</text></g>")
    |> ignore

let private drawArrow
    (into: StringBuilder)
    (slot: int)
    (x1: float, y1: float)
    (x2: float, y2: float)
    (a: Arrow)
    =
    let shift = float slot * 18.0
    let sx, sy = x1 + boxWidth / 2.0 + shift, y1 + boxHeight
    let ex, ey = x2 + boxWidth / 2.0 + shift, y2 - 4.0
    let bend = (ey - sy) / 2.0
    let mark = if a.Marked then " marked" else ""

    // The label sits near the lower end, where arrows into different boxes are apart.
    let lx, ly = sx + (ex - sx) * 0.72, sy + (ey - sy) * 0.72 + float slot * 13.0

    into
        .Append(
            $"<path class=\"edge{mark}\" marker-end=\"url(#tip)\" d=\"M{number sx} {number sy} "
        )
        .Append($"C{number sx} {number (sy + bend)} {number ex} {number (ey - bend)} ")
        .Append($"{number ex} {number ey}\"/>")
        .Append($"<text class=\"l{mark}\" x=\"{number lx}\" y=\"{number ly}\">")
        .Append(escape (short (a.Name + ": " + a.Masks) 44))
        .Append
        "</text>"
    |> ignore

/// The drawing. Edges for which `marked` holds stand out.
let draw (marked: ObservedEdge -> bool) (o: Observation) : string =
    let boxes, arrows = boxesOf o, arrowsOf o marked
    let placed = places boxes arrows
    let right = placed |> Map.fold (fun w _ (x, _) -> max w (x + boxWidth)) 220.0
    let bottom = placed |> Map.fold (fun h _ (_, y) -> max h (y + boxHeight)) 40.0
    let width, height = right + 130.0, bottom + margin
    let svg = StringBuilder()

    svg
        .Append($"<svg class=\"graph\" viewBox=\"0 0 {number width} {number height}\" ")
        .Append($"width=\"{number width}\" height=\"{number height}\" role=\"img\">")
        .Append("<defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"6\" refY=\"4\" ")
        .Append("markerWidth=\"7\" markerHeight=\"7\" orient=\"auto-start-reverse\">")
        .Append
        "<path class=\"tip\" d=\"M0 0 8 4 0 8z\"/></marker></defs>"
    |> ignore

    if boxes.IsEmpty then
        svg.Append "<text class=\"s\" x=\"60\" y=\"24\">no nodes</text>" |> ignore

    arrows
    |> List.groupBy (fun a -> a.From, a.Target)
    |> List.iter (fun (_, twins) ->
        twins
        |> List.iteri (fun slot arrow ->
            match Map.tryFind arrow.From placed, Map.tryFind arrow.Target placed with
            | Some from, Some target -> drawArrow svg slot from target arrow
            | _ -> ()))

    for box in boxes do
        drawBox svg placed[box.Key] box

    svg.Append("</svg>").ToString()
