/// What a secret is made of, as the oracle as a server looks at it: the file is there, of the right
/// kind and may be read. Its bytes are nobody's business here.
module Ashlar.Conformance.SecretFiles

open Ashlar.Reference.Block

/// The longest secret in bytes (BLK-OBJ-004).
let private bytesMax = 1L <<< 20

let private fileRefusal (directory: string) (path: string) : string option =
    let quoted = $"\u201c{path}\u201d"
    let unopened reason = Some $"Unable to read {path}: Failed to open file {quoted}: {reason}"
    let at = if path.StartsWith '/' then path else directory + "/" + path

    let entry =
        if path = "" || path.Contains '\000' then
            HostMetadata.Entry.Missing
        else
            HostMetadata.look at

    match entry with
    | HostMetadata.Entry.Missing -> unopened "No such file or directory"
    | HostMetadata.Entry.Forbidden -> unopened "Permission denied"
    | _ when HostMetadata.access at &&& 4 = 0 -> unopened "Permission denied"
    | HostMetadata.Entry.Directory _ ->
        Some $"Unable to read {path}: Error reading file {quoted}: Is a directory"
    | HostMetadata.Entry.Special _ -> Some $"Unable to read {path}: {quoted} is no regular file"
    | HostMetadata.Entry.File(_, stamp) when stamp.SizeBytes > bytesMax ->
        Some $"The secret is longer than {bytesMax} bytes"
    | HostMetadata.Entry.File _ -> None

/// Why an object-add of a secret with these members is refused (BLK-OBJ-004).
let refuse (directory: string) (data: string option) (file: string option) : Refusal option =
    match data, file with
    | Some _, Some _ -> Some "'file' and 'data' are mutually exclusive"
    | None, None -> Some "Either 'file' or 'data' must be provided"
    | Some _, None -> None
    | None, Some path -> fileRefusal directory path
    |> Option.map (Refusal.generic "BLK-OBJ-004")
