import Testing

/// A foreign terminal emulator with one pane: what is typed goes to a real shell in it, and what a
/// user would see can be read.
final class Tmux {
    private let box: Sandbox
    private let socket: String
    private static let prompt = "outer> "

    init(_ box: Sandbox, columns: Int = 80, rows: Int = 24) throws {
        self.box = box
        socket = box.root + "/tmux"
        try writeFile(box.root + "/outer.bashrc", "PS1='\(Tmux.prompt)'; unset PROMPT_COMMAND\n".utf8)
        try run(
            "new-session", "-d", "-x", "\(columns)", "-y", "\(rows)",
            "exec env TERM=screen bash --rcfile '\(box.root)/outer.bashrc'")
        try awaits { $0.contains { $0.hasPrefix("outer>") } }
    }

    deinit { _ = try? run("kill-server") }

    @discardableResult
    private func run(_ arguments: String...) throws -> String {
        let outcome = try box.run(["tmux", "-S", socket, "-f", "/dev/null"] + arguments)
        try #require(outcome.status == 0, outcome.why)
        return outcome.out
    }

    /// Types keys by their names, or text as it is.
    func type(_ keys: String...) throws {
        for key in keys { try run("send-keys", key) }
    }

    /// Runs a shell command in a pane of its own, which is the one that is seen from then on.
    func show(_ command: String) throws { try run("new-window", "-k", "-t", ":9", command) }

    /// Where the cursor is and how the terminal is set, as far as that decides about what is shown next.
    func state() throws -> String {
        try run(
            "display-message", "-p",
            "cursor #{cursor_x},#{cursor_y} #{cursor_flag} other #{alternate_on} region #{scroll_region_upper}-"
                + "#{scroll_region_lower} wrap #{wrap_flag} insert #{insert_flag} origin #{origin_flag} keys "
                + "#{keypad_cursor_flag} #{keypad_flag}")
    }

    /// The same as ``screen()``, with colours and attributes.
    func styledScreen() throws -> String { try run("capture-pane", "-e", "-p") }

    /// What the pane shows, without empty lines at its end.
    func screen() throws -> [String] {
        var lines = try run("capture-pane", "-p").split(separator: "\n", omittingEmptySubsequences: false)
        while lines.last?.isEmpty == true { lines.removeLast() }
        return lines.map { String($0) }
    }

    /// Waits until the pane shows what it is asked for.
    func awaits(_ condition: ([String]) -> Bool) throws {
        var last: [String] = []
        do {
            try eventually("the screen") {
                last = try screen()
                return condition(last)
            }
        } catch {
            Issue.record("the screen shows:\n\(last.joined(separator: "\n"))\n\(box.logs)")
            throw error
        }
    }

    func awaits(_ text: String) throws { try awaits { $0.contains { $0.contains(text) } } }

    /// Whether the last line is the outer shell's prompt.
    func awaitsPrompt() throws { try awaits { $0.last == "outer>" || $0.last == Tmux.prompt } }

    func resize(columns: Int, rows: Int) throws {
        try run("resize-window", "-x", "\(columns)", "-y", "\(rows)")
    }

    /// Whether the pane shows its other screen (a full-screen program's).
    func isOtherScreen() throws -> Bool { try run("display-message", "-p", "#{alternate_on}") == "1\n" }

    /// The modes of the pane's terminal as `stty` has them, asked for by the outer shell.
    func modes(_ name: String) throws -> String {
        let path = "\(box.root)/\(name)"
        try type("stty -a >\(path).new && mv \(path).new \(path)", "Enter")
        return String(decoding: try eventual("the modes") { readFile(path) }, as: UTF8.self)
    }
}
