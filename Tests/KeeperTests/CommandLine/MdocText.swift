import KeeperShared

/// Text in the mdoc(7) language, escaped, wrapped, and with each sentence on a line of its own as is the custom.
struct MdocText {
    private(set) var result = ""

    mutating func line(_ text: String) { result += text + "\n" }

    mutating func comment(_ text: String) { line(".\\\" " + text) }

    /// A macro with its arguments: names of other macros, punctuation and words.
    mutating func macro(_ name: String, _ arguments: String...) { macro(name, arguments) }

    mutating func macro(_ name: String, _ arguments: [String]) {
        var text = "." + name
        // Names of pages are looked up as they are written.
        let isName = name == "Nm" || name == "Xr" || name == "Dt" || arguments.first == "Xr"
        for argument in arguments {
            text += " " + (isName ? argument : MdocText.escaped(argument, isLiteral: true))
        }
        line(text)
    }

    mutating func paragraphs(_ paragraphs: [String]) {
        for (index, paragraph) in paragraphs.enumerated() {
            if index > 0 { macro("Pp") }
            text(paragraph)
        }
    }

    /// Running text.
    mutating func text(_ words: String) {
        var current = ""
        for word in words.split(separator: " ") {
            let escaped = MdocText.escaped(String(word), isLiteral: false)
            if !current.isEmpty, current.utf8.count + 1 + escaped.utf8.count > 78 { flush(&current) }
            current += current.isEmpty ? escaped : " " + escaped
            if MdocText.endsSentence(word) { flush(&current) }
        }
        flush(&current)
    }

    /// Lines that are shown as they are.
    mutating func literal(_ lines: [String]) {
        line(".Bd -literal -offset indent")
        for text in lines { line(MdocText.protected(MdocText.escaped(text, isLiteral: true))) }
        line(".Ed")
    }

    /// A list of terms, each with its meaning below it.
    mutating func list<Item>(_ items: [Item], _ write: (inout MdocText, Item) -> Void) {
        line(".Bl -tag -width Ds")
        for item in items { write(&self, item) }
        line(".El")
    }

    private mutating func flush(_ current: inout String) {
        if !current.isEmpty { line(MdocText.protected(current)) }
        current = ""
    }

    /// A dot or an apostrophe at the beginning of a line would be a request.
    private static func protected(_ line: String) -> String {
        line.hasPrefix(".") || line.hasPrefix("'") ? "\\&" + line : line
    }

    private static func endsSentence(_ word: Substring) -> Bool {
        var word = word
        while let last = word.last, last == ")" || last == "\"" || last == "'" { word.removeLast() }
        if word.utf8.count == 1 { return false }
        return word.hasSuffix(".") || word.hasSuffix("?") || word.hasSuffix("!")
    }

    /// - Parameter isLiteral: whether it may be copied to a shell, so that every hyphen is a minus sign.
    private static func escaped(_ text: String, isLiteral: Bool) -> String {
        var result = ""
        var previous: Unicode.Scalar = " "
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": result += "\\e"
            case "-": result += isLiteral || !isLetter(previous) ? "\\-" : "-"
            case "'": result += "\\(aq"
            case "`": result += "\\(ga"
            case "^": result += "\\(ha"
            case "~": result += "\\(ti"
            case "\"": result += "\\(dq"
            case "…": result += previous == "]" || isLetter(previous) ? " ..." : "..."
            case "–": result += "\\(en"
            default: result.unicodeScalars.append(scalar)
            }
            previous = scalar
        }
        return result
    }

    private static func isLetter(_ scalar: Unicode.Scalar) -> Bool {
        scalar >= "a" && scalar <= "z" || scalar >= "A" && scalar <= "Z"
    }
}
