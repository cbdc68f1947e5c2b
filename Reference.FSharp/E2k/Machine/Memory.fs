/// Guest memory as pages with protections, and the register stack with the globals: the two places
/// a finished step writes. Reading never changes them. Requirements: spec/e2k/state.md, E2K-MEM.
namespace Ashlar.Reference.E2k

open System
open System.Collections.Generic

/// What may be done with a page.
type Protection = { MayRead: bool; MayWrite: bool; MayExecute: bool }

type private Page = {
    Bytes: byte[]
    Allowed: Protection
    /// Whether decoded bundles lie in it (E2K-MEM-004).
    HasPlans: bool
}

/// E2K-MEM-001: bytes by address in pages of 4 KiB; at most `pagesMax` of them.
type Memory(pagesMax: int) =
    let pages = Dictionary<uint64, Page>()
    let mutable lastNumber = UInt64.MaxValue
    let mutable last: Page voption = ValueNone
    let mutable codeChanges = 0

    let pageOf (number: uint64) =
        if number = lastNumber then
            last
        else
            match pages.TryGetValue number with
            | true, page ->
                lastNumber <- number
                last <- ValueSome page
                last
            | _ -> ValueNone

    let forget () =
        lastNumber <- UInt64.MaxValue
        last <- ValueNone

    static member PageBytes = 4096

    /// Counts writes to pages that hold decoded bundles.
    member _.CodeChanges = codeChanges

    member _.PageCount = pages.Count

    /// Pages that a program may have.
    member _.PagesMax = pagesMax

    /// Whether so many pages more would fit.
    member _.HasRoom(count: int64) = int64 pages.Count + count <= int64 pagesMax

    member _.IsMapped(number: uint64) = (pageOf number).IsSome

    member _.ProtectionOf(number: uint64) = pageOf number |> ValueOption.map _.Allowed

    /// A page of zeros in place of what was there.
    member _.Map (number: uint64) (allowed: Protection) =
        forget ()
        codeChanges <- codeChanges + 1

        pages[number] <- {
            Bytes = Array.zeroCreate Memory.PageBytes
            Allowed = allowed
            HasPlans = false
        }

    member _.Unmap(number: uint64) =
        forget ()
        codeChanges <- codeChanges + 1
        pages.Remove number |> ignore

    /// A page to another place.
    member _.Move (number: uint64) (target: uint64) =
        match pageOf number with
        | ValueSome page ->
            forget ()
            codeChanges <- codeChanges + 1
            pages.Remove number |> ignore
            pages[target] <- { page with HasPlans = false }
        | ValueNone -> ()

    member _.Protect (number: uint64) (allowed: Protection) =
        match pageOf number with
        | ValueSome page ->
            forget ()
            pages[number] <- { page with Allowed = allowed }
            codeChanges <- codeChanges + 1
        | ValueNone -> ()

    /// Up to eight bytes at any address (E2K-MEM-005), low end first, where all may be read.
    member this.TryRead (address: uint64) (count: int) : uint64 voption =
        let offset = int (address &&& 0xfffUL)

        if offset <= Memory.PageBytes - 8 then
            match pageOf (address >>> 12) with
            | ValueSome page when page.Allowed.MayRead ->
                ValueSome(Bits.truncate (8 * count) (BitConverter.ToUInt64(page.Bytes, offset)))
            | _ -> ValueNone
        else
            this.ReadAcross address count

    /// Bytes near the end of a page, one by one.
    member private _.ReadAcross (address: uint64) (count: int) : uint64 voption =
        let mutable value = 0UL
        let mutable isThere = true

        for index in 0 .. count - 1 do
            let place = address + uint64 index

            match pageOf (place >>> 12) with
            | ValueSome page when page.Allowed.MayRead ->
                let byte = page.Bytes[int (place &&& 0xfffUL)]
                value <- value ||| (uint64 byte <<< (8 * index))
            | _ -> isThere <- false

        if isThere then ValueSome value else ValueNone

    /// E2K-MEM-002: whether all of these bytes may be written.
    member _.MayWrite (address: uint64) (count: int) =
        let isAllowed (place: uint64) =
            match pageOf (place >>> 12) with
            | ValueSome page -> page.Allowed.MayWrite
            | ValueNone -> false

        isAllowed address && isAllowed (address + uint64 (count - 1))

    /// Puts bytes where a page is, whatever its protection; a caller has asked before.
    member _.Write (address: uint64) (count: int) (value: uint64) =
        for index in 0 .. count - 1 do
            let place = address + uint64 index

            match pageOf (place >>> 12) with
            | ValueSome page ->
                page.Bytes[int (place &&& 0xfffUL)] <- byte (value >>> (8 * index))

                if page.HasPlans then
                    codeChanges <- codeChanges + 1
            | ValueNone -> ()

    /// A word to execute; the page is marked as holding decoded bundles.
    member _.TryFetch(address: uint64) : uint32 voption =
        match pageOf (address >>> 12) with
        | ValueSome page when page.Allowed.MayExecute ->
            if not page.HasPlans then
                forget ()
                pages[address >>> 12] <- { page with HasPlans = true }

            ValueSome(BitConverter.ToUInt32(page.Bytes, int (address &&& 0xffcUL)))
        | _ -> ValueNone

/// E2K-ST-003: the register stack of all procedures and the globals. A place that is negative is a
/// global, -1 %g0.
/// A register that was never written is invalid, or zero without tags (E2K-ST-016).
type RegisterFile(tags: bool) =
    let unwritten = if tags then State.nothing else State.valid Bits.zero
    let globals = Array.create RegisterFile.Globals (State.valid Bits.zero)
    let mutable stack = Array.create 1024 unwritten

    /// Registers that all procedures share.
    static member Globals = 32

    /// Registers of all windows together; more is a stack overflow.
    static member DepthMax = 1 <<< 20

    member _.Read(place: int) : Register =
        if place < 0 then globals[-1 - place]
        elif place < stack.Length then stack[place]
        else unwritten

    member _.Write (place: int) (register: Register) =
        if place < 0 then
            globals[-1 - place] <- register
        else
            if place >= stack.Length then
                let wider = Array.create (max (place + 1) (2 * stack.Length)) unwritten
                Array.blit stack 0 wider 0 stack.Length
                stack <- wider

            stack[place] <- register
