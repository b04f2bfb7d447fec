/// A pattern for file names, or for paths when there is a `/` in it.
///
/// `*` and `?` stand for what is not `/`, `**` for anything, `**/` for any number of directories, `[a-z]` and `[!a-z]`
/// for one byte; `\` takes the meaning from what follows it.
package struct Glob {
    private let pattern: [UInt8]
    /// Whether it is about the whole path, not about the names in it.
    private let isAboutPath: Bool

    private static let slash = UInt8(ascii: "/")

    package init(_ text: [UInt8]) {
        var pattern = text
        if pattern.starts(with: "./".utf8) { pattern.removeFirst(2) }
        while pattern.count > 1, pattern.last == Glob.slash { pattern.removeLast() }
        isAboutPath = pattern.contains(Glob.slash)
        if pattern.first == Glob.slash { pattern.removeFirst() }
        self.pattern = pattern
    }

    /// Whether a path, or a directory above it, fits. What fits a directory stands for all in it.
    package func matches(_ path: [UInt8]) -> Bool {
        var start = 0
        for end in 0...path.count where end == path.count || path[end] == Glob.slash {
            if matches(path, isAboutPath ? 0 : start, end) { return true }
            start = end + 1
        }
        return false
    }

    /// Whether the part of the text fits.
    ///
    /// Only the last `*` and the last `**` before a place that doesn't fit need to be tried again: what an earlier one
    /// could take, a later one can as well. So the time is bounded by the square of the length.
    private func matches(_ text: [UInt8], _ start: Int, _ end: Int) -> Bool {
        var place = 0
        var position = start
        // Where to go on in the pattern, and how far the star reaches.
        var star = (place: -1, position: 0)
        var doubleStar = (place: -1, position: 0, isByName: false)
        while true {
            if place < pattern.count, pattern[place] == UInt8(ascii: "*") {
                if place + 1 < pattern.count, pattern[place + 1] == UInt8(ascii: "*") {
                    while place < pattern.count, pattern[place] == UInt8(ascii: "*") { place += 1 }
                    let isByName = place < pattern.count && pattern[place] == Glob.slash
                    if isByName { place += 1 }
                    doubleStar = (place, position, isByName)
                    star.place = -1
                } else {
                    place += 1
                    star = (place, position)
                }
                continue
            }
            if position == end, place == pattern.count { return true }
            if position < end, place < pattern.count, takeOne(text, &position, end, &place) { continue }
            if star.place >= 0, star.position < end, text[star.position] != Glob.slash {
                star.position += 1
                (place, position) = star
                continue
            }
            guard doubleStar.place >= 0, doubleStar.position < end else { return false }
            repeat {
                doubleStar.position += 1
            } while doubleStar.isByName && doubleStar.position < end
                && text[doubleStar.position - 1] != Glob.slash
            (place, position) = (doubleStar.place, doubleStar.position)
            star.place = -1
        }
    }

    /// Takes a character of the text that fits the next of the pattern.
    private func takeOne(_ text: [UInt8], _ position: inout Int, _ end: Int, _ place: inout Int) -> Bool {
        let byte = text[position]
        switch pattern[place] {
        case UInt8(ascii: "?"):
            if byte == Glob.slash { return false }
            position += 1
            // The rest of a character in UTF-8.
            if byte >= 0xC0 {
                while position < end, text[position] & 0xC0 == 0x80 { position += 1 }
            }
            place += 1
            return true
        case UInt8(ascii: "["):
            if let next = classEnd(byte, place) {
                if next < 0 { return false }
                position += 1
                place = next
                return true
            }
        case UInt8(ascii: "\\"):
            guard place + 1 < pattern.count else { break }
            if byte != pattern[place + 1] { return false }
            position += 1
            place += 2
            return true
        default: break
        }
        if byte != pattern[place] { return false }
        position += 1
        place += 1
        return true
    }

    /// Where the class of characters that starts here ends; -1 if the byte is not in it, nil if it is none.
    private func classEnd(_ byte: UInt8, _ start: Int) -> Int? {
        var place = start + 1
        guard place < pattern.count else { return nil }
        let isNegated = pattern[place] == UInt8(ascii: "!") || pattern[place] == UInt8(ascii: "^")
        if isNegated { place += 1 }
        let first = place
        var isIn = false
        while place < pattern.count {
            // Right at the beginning it is one of the characters.
            if pattern[place] == UInt8(ascii: "]"), place > first {
                return isIn != isNegated && byte != Glob.slash ? place + 1 : -1
            }
            let low = pattern[place]
            var high = low
            if place + 2 < pattern.count, pattern[place + 1] == UInt8(ascii: "-"),
                pattern[place + 2] != UInt8(ascii: "]")
            {
                high = pattern[place + 2]
                place += 2
            }
            if low <= byte && byte <= high { isIn = true }
            place += 1
        }
        return nil
    }
}
