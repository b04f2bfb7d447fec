import Testing

/// The completion scripts in the shells they are for, with sessions that live.
@Suite struct CompletionTests {
    enum Shell: CaseIterable { case bash, zsh, fish }

    @Test(requires("bash")) func bashCompletes() throws { try expectCompletions(in: .bash) }

    @Test(requires("zsh")) func zshCompletes() throws { try expectCompletions(in: .zsh) }

    @Test(requires("fish")) func fishCompletes() throws { try expectCompletions(in: .fish) }

    private func expectCompletions(in shell: Shell) throws {
        let sandbox = try Sandbox()
        // A label that a shell would run must not be offered, let alone run.
        let trap = "\(sandbox.root)/trap"
        try sandbox.spawn(
            "a:one", "--label", "app=demo", "--label", "x=$(touch \(trap))", "--", "cat")
        try sandbox.spawn("two", "--", "cat")
        func offers(_ line: String) throws -> Set<String> { try complete(line, in: shell, sandbox) }

        #expect(try offers("keeperctl sp") == ["spawn"])
        #expect(try offers("keeperctl ").isSuperset(of: ["run", "write", "kill", "stop", "help"]))
        #expect(try offers("keeperctl help l").contains("logs"))

        #expect(try offers("keeperctl write ") == ["a:one", "two"])
        #expect(try offers("keeperctl write tw") == ["two"])
        #expect(try offers("keeperctl kill two ").contains("a:one"))
        #expect(try offers("keeperctl stop t") == ["two"])
        #expect(try offers("keeperctl write two ").isDisjoint(with: ["a:one", "two"]))
        #expect(try offers("keeperctl spawn ").isDisjoint(with: ["a:one", "two"]))
        #expect(try offers("keeperctl --sessions-dir \(sandbox.root) write ").isEmpty)
        #expect(try offers("keeperctl write --sessions-dir=\(sandbox.root) ").isEmpty)

        #expect(try offers("keeperctl spawn --wai").contains("--wait"))
        #expect(try offers("keeperctl spawn --wait ") == ["started", "ready", "none"])
        #expect(try offers("keeperctl kill -s TS") == ["TSTP"])
        #expect(try offers("keeperctl kill --signal HU") == ["HUP"])
        #expect(try offers("keeperctl discover --no-r") == ["--no-reap"])
        #expect(try offers("keeperctl spawn --label ") == ["app=demo"])
        #expect(try offers("keeperctl spawn --env KEEPER_SESSIONS_D").count == 1)
        #expect(try offers("keeper --left") == ["--leftovers"])

        try writeFile("\(sandbox.root)/file.env", [])
        #expect(try offers("keeperctl spawn --env-file fil") == ["file.env"])
        #expect(try offers("keeperctl spawn --cwd fil").isEmpty)
        #expect(try offers("keeperctl spawn --cwd /pro").contains { $0.hasPrefix("/proc") || $0 == "proc" })

        for line in ["keeperctl spawn x -- keeper", "keeperctl run -- keeper", "keeper x -- keeper"] {
            #expect(try offers(line).isSuperset(of: ["keeper", "keeperctl"]), "\(line)")
        }
        #expect(try offers("keeperctl spawn x -- cat fil") == ["file.env"])
        #expect(try offers("keeperctl -- write t") == ["two"])
        #expect(fileStatus(trap) == nil)
    }

    @Test(arguments: ["bash", "zsh", "fish"]) func theProgramPrintsTheScript(_ shell: String) throws {
        let sandbox = try Sandbox()
        let outcome = try sandbox.run([Executables.keeperctl, "completion", shell])
        let name = shell == "zsh" ? "_keeperctl" : "keeperctl.\(shell)"
        #expect(readFile("\(folder)/\(name)") == Array(outcome.out.utf8))
    }

    /// Readline takes what is after `=` and `:` for a word of its own.
    @Test(requires("bash")) func bashCompletesPartsOfWords() throws {
        let sandbox = try Sandbox()
        try sandbox.spawn("a:one", "--", "cat")
        try sandbox.spawn("a:two", "--", "cat")
        #expect(try complete("keeperctl write a:", in: .bash, sandbox) == ["one", "two"])
        #expect(try complete("keeperctl write a:t", in: .bash, sandbox) == ["two"])
        #expect(try complete("keeperctl kill a:one a:", in: .bash, sandbox) == ["one", "two"])
        #expect(try complete("keeperctl spawn --wait=", in: .bash, sandbox) == ["started", "ready", "none"])
        #expect(try complete("keeperctl spawn --wait=re", in: .bash, sandbox) == ["ready"])
    }

    @Test(requires("shellcheck")) func bashScriptsAreClean() throws {
        let sandbox = try Sandbox()
        let outcome = try sandbox.run(["shellcheck", "\(folder)/keeperctl.bash"])
        #expect(outcome.status == 0, outcome.why)
    }

    // MARK: How the shells are asked

    private let folder = "\(RenderedFiles.repository)/contrib/completions"

    private func complete(_ line: String, in shell: Shell, _ sandbox: Sandbox) throws -> Set<String> {
        let path = "\(Executables.directory):\(environmentValue("PATH") ?? "/usr/bin:/bin")"
        let argv: [String]
        switch shell {
        case .bash: argv = ["bash", "--norc", "-c", Self.bash, "bash", folder, line]
        case .zsh: argv = ["zsh", "-f", "-c", Self.zsh, "zsh", folder, "\(sandbox.root)/offers", line]
        case .fish: argv = ["fish", "--no-config", "-c", Self.fish, folder, line]
        }
        let outcome = try sandbox.run(argv, setting: ["PATH": path])
        #expect(outcome.status == 0 && outcome.err.isEmpty, outcome.why)
        // In fish a description follows.
        return Set(outcome.out.split(separator: "\n").map { String($0.prefix { $0 != "\t" }) })
    }

    /// Calls the function as readline does, with the words broken as readline breaks them.
    private static let bash = #"""
        source "$1/keeperctl.bash" || exit
        COMP_LINE=$2 COMP_POINT=${#2} COMP_WORDS=() rest=$2
        while [[ -n $rest ]]; do
            case $rest in
            ' '*) rest=${rest#"${rest%%[! ]*}"}; continue ;;
            [=:]*) word=${rest%%[!=:]*} ;;
            *) word=${rest%%[=: ]*} ;;
            esac
            COMP_WORDS+=("$word")
            rest=${rest#"$word"}
        done
        [[ $2 != *' ' ]] || COMP_WORDS+=('')
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        definition=($(complete -p "${COMP_WORDS[0]}"))
        "${definition[2]}" "${COMP_WORDS[0]}"
        ((${#COMPREPLY[@]} == 0)) || printf '%s\n' "${COMPREPLY[@]}"
        """#

    /// Completion works in an interactive shell only: one in a terminal of its own writes down what it would offer.
    private static let zsh = #"""
        zmodload zsh/zpty
        export OFFERS=$2 LINE_TO_TRY=$3
        : >$OFFERS
        zpty inner zsh -f -i
        zpty -w inner 'unsetopt prompt_sp; PS1=; LISTMAX=1000; fpath=('${(q)1}' $fpath)
            autoload -Uz compinit; compinit -u -D
            compadd() {
                if (( ! ${@[(I)-[ADO]]} )); then
                    local -a hits
                    builtin compadd -O hits "$@"
                    if (( $#hits )); then print -rl -- $hits >>$OFFERS; fi
                fi
                builtin compadd "$@"
            }
            zle -C offer list-choices _main_complete
            try() { BUFFER=$LINE_TO_TRY; CURSOR=$#BUFFER; zle offer; exit 0 }
            zle -N try; bindkey ^T try'
        zpty -w -n inner $'\x14'
        while zpty -r inner chunk; do :; done
        cat $OFFERS
        """#

    private static let fish = #"""
        source $argv[1]/keeperctl.fish
        complete -C $argv[2]
        true
        """#
}
