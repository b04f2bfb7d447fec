/// Makes up what a program might write to a terminal: text, and sequences that terminals agree about.
struct RandomOutput {
    enum Kind {
        /// Narrow characters, and everything that moves and erases them.
        case edited
        /// Wide ones too, and what moves them whole.
        case wide
    }

    let columns: Int
    let rows: Int
    let kind: Kind
    private var random: SplitMix64
    private var text = ""
    private var hasRegion = false
    private var hasOther = false

    init(columns: Int, rows: Int, kind: Kind, _ random: SplitMix64) {
        (self.columns, self.rows, self.kind, self.random) = (columns, rows, kind, random)
    }

    /// A stream of this many parts.
    mutating func make(_ count: Int) -> String {
        text = ""
        for _ in 0..<count { addPart() }
        return text
    }

    private mutating func add(_ numbers: [Int], _ last: Character) {
        text += "\u{1B}[" + numbers.map { "\($0)" }.joined(separator: ";") + "\(last)"
    }

    private mutating func addText() {
        let length = 1 + random.below(random.pick([5, 20, columns + 5]))
        let narrow = Array("abcdefghijklmnopqrstuvwxyz0123456789  ")
        let mixed = Array("漢字テスト한국😀🚀é¼abc ")
        let isMixed = kind == .wide && random.below(2) == 0
        for _ in 0..<length { text.append(random.pick(isMixed ? mixed : narrow)) }
    }

    private mutating func addPart() {
        switch random.below(100) {
        case ..<35: addText()
        case ..<45:
            // tmux moves back into a line that goes on, other terminals don't: after a character there is no doubt.
            let back = kind == .wide ? "\r" : "b\u{8}"
            text += random.pick(["\r\n", "\n", "\r", back, "\t", "\u{B}", "\r\n\r\n"])
        case ..<60:
            let column = random.below(columns + 3)
            // tmux leaves the first half of a wide character there.
            add(
                [random.below(rows + 3), kind == .wide && column == 2 ? 3 : column], random.pick(["H", "f"]))
        case ..<70:
            let which = kind == .wide ? Array("ABEFd") : Array("ABCDEFGd`")
            add([random.pick([0, 1, 2, 3, 5, 10, 30])], random.pick(which))
        case ..<72: text += "\u{1B}" + random.pick(["7", "8", "D", "E", "M"])
        case ..<76:
            text += random.pick([
                "\u{1B}]0;title\u{7}", "\u{1B}]2;title\u{1B}\\", "\u{1B}P1$r0m\u{1B}\\",
                "\u{1B}kname\u{1B}\\",
                "\u{1B}_application\u{1B}\\", "\u{1B}[31;1m", "\u{1B}[m", "\u{1B}[38;5;100m", "\u{1B}[7m",
                "\u{1B}[48;2;1;2;3m", "\u{F}", "\u{1B}(B", "\u{1B}=", "\u{1B}>", "\u{7}", "\u{1B}[?25l",
                "\u{1B}[?2004h", "\u{1B}[>4;1m", "\u{1B}[2 q",
            ])
        case 76..<100 where kind == .wide:
            if random.below(4) == 0 { add([1 + random.below(rows)], random.pick(["S", "T"])) }
        case ..<81: add([random.below(3)], random.pick(["J", "K", "K", "K"]))
        // More would be one of tmux's faults: what fills the rest of a line is not put there.
        case 81: add([], "@")
        case ..<88:
            // Outside of the region tmux moves lines, others don't.
            add([random.pick([1, 2, 5, 30])], random.pick(hasRegion ? Array("PXST") : Array("PXSTLM")))
        case ..<91:
            hasRegion = true
            add(random.below(3) == 0 ? [] : [1 + random.below(rows), 1 + random.below(rows + 1)], "r")
        case ..<93:
            hasOther = true
            text += "\u{1B}[?6l\u{1B}[?" + random.pick(["1049", "47", "1047"]) + random.pick(["h", "l"])
        case 93:
            text += "x"
            add([1 + random.below(30)], "b")
        case 94: add([1 + random.below(2)], "Z")
        case 95: text += random.pick(["\u{1B}H", "\u{1B}[g", "\u{1B}[3g"])
        case 96:
            add([1 + random.below(rows), 1 + random.below(max(1, columns / 2))], "H")
            text += "\u{1B}[4hxy\u{1B}[4l"
        case 97: text += random.pick(["\u{1B}[?7l", "\u{1B}[?7h"])
        case 98: text += hasOther ? "\u{1B}[s" : random.pick(["\u{1B}[?6h", "\u{1B}[?6l"])
        default: text += hasOther ? "\u{1B}[u" : random.pick(["\u{1B}c", "\u{1B}#8"])
        }
    }
}
