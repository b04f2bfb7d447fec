import KeeperShared

/// Renders the completion function for zsh, a file that lies in one of the folders of `$fpath`.
enum CompletionZsh {
    static func render(_ program: ProgramSpec) -> String {
        var text = "#compdef \(program.name)\n"
        text += "# zsh completion for \(program.name). Rendered from its table of commands: don't edit.\n\n"
        text += helpers(program)
        if let root = program.root {
            text += "_\(program.name)() {\n"
            text += "    local -a options\n"
            text += "    _\(program.name)_child && return\n"
            text += arguments(of: root, in: program, indent: "    ")
            text += "}\n"
        } else {
            text += commandList(program) + dispatch(program)
        }
        return text + "\n_\(program.name) \"$@\"\n"
    }

    private static func commandList(_ program: ProgramSpec) -> String {
        var text = "_\(program.name)_commands() {\n    local -a commands=(\n"
        for command in program.commands {
            for name in [command.name] + command.aliases {
                text += "        " + shellQuoted("\(name):\(command.summary)") + "\n"
            }
        }
        return text + "    )\n    _describe -t commands command commands \"$@\"\n}\n\n"
    }

    private static func dispatch(_ program: ProgramSpec) -> String {
        let name = program.name
        var text = #"""
            _\#(name)() {
                local curcontext=$curcontext state line expl ret=1
                local -a directory
                typeset -A opt_args
                _arguments -s -S -C \

            """#
        for option in program.globalOptions { text += specification(option, program, "        ") }
        text += #"""
                    '1: :_\#(name)_commands' \
                    '*:: :->arguments' && ret=0
                [[ $state == arguments ]] || return ret
                # In front of the command it ends the general options only.
                if [[ $words[1] == -- ]]; then
                    shift words
                    (( CURRENT-- ))
                fi
                _\#(name)_remember_directory
                curcontext="${curcontext%:*:*}:\#(name)-$line[1]:"
                case $line[1] in

            """#
        for command in program.commands {
            text += "    \(([command.name] + command.aliases).joined(separator: "|")))\n"
            if command.startsSession { text += "        _\(name)_child && return\n" }
            text += arguments(of: command, in: program, indent: "        ")
            text += "        ;;\n"
        }
        return text + "    esac\n}\n"
    }

    /// The call that completes a command's own words.
    private static func arguments(
        of command: CommandSpec, in program: ProgramSpec, indent: String
    ) -> String {
        var text = indent + "_arguments -s -S \\\n"
        for option in command.visibleOptions + program.globalOptions {
            text += specification(option, program, indent + "    ")
        }
        for (index, operand) in command.operands.enumerated() {
            let place: String
            switch operand.count {
            case .one: place = "\(index + 1):"
            case .optional: place = "\(index + 1)::"
            case .any, .oneOrMore: place = "*:"
            }
            let source = CompletionSource(operand, of: command, in: program)
            text += indent + "    " + shellQuoted(place + operand.name + ":" + action(source, program))
            text += " \\\n"
        }
        return String(text.dropLast(3)) + "\n"
    }

    /// One option: `'(-q --quiet --json)'{-q,--quiet}'[Print only IDs]'`.
    private static func specification(
        _ option: OptionSpec, _ program: ProgramSpec, _ indent: String
    ) -> String {
        var excluded = option.excludes.map { "--" + $0 }
        if !option.repeatable { excluded = option.spellings + excluded }
        if option.long == "help" || option.long == "version" { excluded = ["- *"] }
        var text = indent
        if !excluded.isEmpty { text += "'(\(excluded.joined(separator: " ")))'" }
        if option.repeatable { text += "'*'" }
        let names = option.spellings.map { (name: String) -> String in
            guard option.takesValue else { return name }
            return name + (name.hasPrefix("--") ? "=" : "+")
        }
        text += names.count == 1 ? names[0] : "{\(names.joined(separator: ","))}"
        var rest = "[\(escaped(option.help, "[]\\"))]"
        if option.takesValue {
            let source = CompletionSource(option, of: program)
            rest += ":" + escaped(option.placeholder, ":\\") + ":" + action(source, program)
        }
        return text + shellQuoted(rest) + " \\\n"
    }

    private static func action(_ source: CompletionSource, _ program: ProgramSpec) -> String {
        switch source {
        case .nothing: " "
        case .files: "_files"
        case .directories: "_path_files -/"
        case .liveSessions: "_\(program.name)_live_sessions"
        case .sessions: "_\(program.name)_sessions"
        case .labels: "_\(program.name)_labels"
        case .variables: "_\(program.name)_variables"
        case .words(let words): "(\(words.joined(separator: " ")))"
        }
    }

    private static func escaped(_ text: String, _ special: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            if special.unicodeScalars.contains(scalar) { result += "\\" }
            result.unicodeScalars.append(scalar)
        }
        return result
    }

    private static func helpers(_ program: ProgramSpec) -> String {
        let name = program.name
        return #"""
            # Completes the child's command behind --, as it would be completed by itself.
            _\#(name)_child() {
                local -i place=${words[(ie)--]}
                (( place < CURRENT )) || return 1
                shift $place words
                (( CURRENT -= place ))
                _normal
                return 0
            }

            # Keeps the sessions directory that was given, for those who list what is in it.
            _\#(name)_remember_directory() {
                local given=${(Q)opt_args[--sessions-dir]}
                if [[ -n $given ]]; then directory=(--sessions-dir ${given/#\~\//$HOME/}); fi
            }

            _\#(name)_live_sessions() {
                local -a found
                _\#(name)_remember_directory
                found=(${(f)"$(\#(program.liveSessionsCommand) $directory 2>/dev/null)"})
                _wanted sessions expl session compadd "$@" -a found
            }

            _\#(name)_sessions() {
                local -a found
                _\#(name)_remember_directory
                found=(${(f)"$(\#(program.allSessionsCommand) $directory 2>/dev/null)"})
                _wanted sessions expl session compadd "$@" -a found
            }

            _\#(name)_labels() {
                local -a found
                _\#(name)_remember_directory
                found=(${(f)"$(keeperctl discover --json --no-reap $directory 2>/dev/null |
                    \#(program.labelFilter))"})
                _wanted labels expl label compadd "$@" -a found
            }

            _\#(name)_variables() {
                _wanted variables expl variable compadd "$@" -S = -k parameters
            }


            """#
    }
}
