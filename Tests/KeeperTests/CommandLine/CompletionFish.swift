import KeeperShared

/// Renders the completion script for fish 3.
enum CompletionFish {
    static func render(_ program: ProgramSpec) -> String {
        let name = program.name
        var text = "# fish completion for \(name). Rendered from its table of commands: don't edit.\n\n"
        text += takesValue(program) + engine(program)
        text += "complete -c \(name) -f\n"
        for command in program.commands {
            for called in [command.name] + command.aliases {
                text += "complete -c \(name) -n '__\(name)_at -' -a \(called)"
                text += " -d \(quoted(command.summary))\n"
            }
        }
        text += "\n"
        for option in program.globalOptions {
            text += line(option, program, condition: "not __\(name)_in_child")
        }
        for command in program.allCommands {
            text += "\n"
            for option in command.visibleOptions {
                text += line(option, program, condition: "__\(name)_at \(command.name)")
            }
            for (index, operand) in command.operands.enumerated() {
                let source = CompletionSource(operand, of: command, in: program)
                guard let offer = offer(source, program) else { continue }
                let place = operand.repeats ? " \(index) more" : " \(index)"
                text += "complete -c \(name) -n '__\(name)_at \(command.name)\(place)' \(offer)\n"
            }
        }
        text += "\ncomplete -c \(name) -n __\(name)_in_child -a '(__\(name)_child)'\n"
        return text
    }

    private static func line(_ option: OptionSpec, _ program: ProgramSpec, condition: String) -> String {
        var text = "complete -c \(program.name) -n '\(condition)'"
        if let short = option.short { text += " -s \(String(Unicode.Scalar(short)))" }
        text += " -l \(option.long)"
        if option.takesValue {
            text += " " + (offer(CompletionSource(option, of: program), program) ?? "-x")
        }
        return text + " -d \(quoted(option.help))\n"
    }

    /// Nil when there is nothing to offer.
    private static func offer(_ source: CompletionSource, _ program: ProgramSpec) -> String? {
        switch source {
        case .nothing: nil
        case .files: "-r -F"
        case .directories: "-x -a '(__fish_complete_directories)'"
        case .liveSessions: "-x -a '(__\(program.name)_sessions \(program.liveSessionsCommand))'"
        case .sessions: "-x -a '(__\(program.name)_sessions \(program.allSessionsCommand))'"
        case .labels: "-x -a '(__\(program.name)_labels)'"
        case .variables: "-x -a '(set -xn)='"
        case .words(let words): "-x -a '\(words.joined(separator: " "))'"
        }
    }

    /// In fish's single quotes only `\` and `'` are special.
    private static func quoted(_ text: String) -> String {
        var quoted = "'"
        for scalar in text.unicodeScalars {
            if scalar == "'" || scalar == "\\" { quoted += "\\" }
            quoted.unicodeScalars.append(scalar)
        }
        return quoted + "'"
    }

    private static func takesValue(_ program: ProgramSpec) -> String {
        var text = "# Whether an option, as 'COMMAND OPTION', is followed by its value.\n"
        text += "function __\(program.name)_takes_value\n    switch \"$argv\"\n"
        for option in program.globalOptions where option.takesValue {
            text += "        case " + option.spellings.map { "'* \($0)'" }.joined(separator: " ") + "\n"
            text += "            return 0\n"
        }
        for command in program.allCommands {
            let options = command.visibleOptions.filter { $0.takesValue }.flatMap { $0.spellings }
            if options.isEmpty { continue }
            text += "        case " + options.map { "'\(command.name) \($0)'" }.joined(separator: " ")
            text += "\n            return 0\n"
        }
        return text + "    end\n    return 1\nend\n\n"
    }

    private static func engine(_ program: ProgramSpec) -> String {
        let name = program.name
        var names = "switch $command\n"
        for command in program.commands where !command.aliases.isEmpty {
            names += "                case \(command.aliases.joined(separator: " "))\n"
            names += "                    set command \(command.name)\n"
        }
        names += "            end"
        let starting = program.allCommands.filter { $0.startsSession }.map { $0.name }
        return #"""
            # Where the cursor is: the command or '-', how many operands are before it, and the number of the token
            # that begins the child's command, or 0.
            function __\#(name)_place
                set -l tokens (commandline -opc)
                set -l command \#(program.root?.name ?? "-")
                set -l operands 0
                set -l ended 0
                set -l pending 0
                set -l index 1
                for token in $tokens[2..-1]
                    set index (math $index + 1)
                    if test $pending = 1
                        set pending 0
                    else if test $ended = 0 -a "x$token" = x--
                        test $command = - && continue
                        if contains -- $command \#(starting.joined(separator: " "))
                            printf '%s\n' $command $operands (math $index + 1)
                            return
                        end
                        set ended 1
                    else if test $ended = 0 && string match -q -- '--*=*' $token
                        continue
                    else if test $ended = 0 && string match -q -- '--*' $token
                        __\#(name)_takes_value $command $token && set pending 1
                    else if test $ended = 0 && string match -q -- '-?*' $token
                        # Of letters in one word, one with a value takes the rest of it, or the next word.
                        set -l letters (string split '' -- (string sub -s 2 -- $token))
                        for place in (seq (count $letters))
                            if __\#(name)_takes_value $command -$letters[$place]
                                test $place = (count $letters) && set pending 1
                                break
                            end
                        end
                    else if test $command = -
                        set command $token
                        \#(names)
                    else
                        set operands (math $operands + 1)
                    end
                end
                printf '%s\n' $command $operands 0
            end

            # Whether the cursor is in words of command $argv[1], and if $argv[2] is given, at that operand, or with
            # $argv[3] at that or a later one.
            function __\#(name)_at
                set -l place (__\#(name)_place)
                test $place[1] = $argv[1] -a $place[3] = 0 || return 1
                if set -q argv[3]
                    test $place[2] -ge $argv[2]
                else if set -q argv[2]
                    test $place[2] = $argv[2]
                end
            end

            function __\#(name)_in_child
                set -l place (__\#(name)_place)
                test $place[3] != 0
            end

            # Completes the child's command as it would be completed by itself.
            function __\#(name)_child
                set -l place (__\#(name)_place)
                set -l tokens (commandline -opc)
                set -l before (string escape -- $tokens[$place[3]..-1])
                complete -C (string join ' ' -- $before (commandline -ct))
            end

            # The option that names the sessions directory, as it was given.
            function __\#(name)_directory
                set -l tokens (commandline -opc)
                for index in (seq (count $tokens))
                    set -l value
                    switch $tokens[$index]
                        case --
                            set -l place (__\#(name)_place)
                            test $place[3] = 0 || return
                        case --sessions-dir
                            set value $tokens[(math $index + 1)]
                        case '--sessions-dir=*'
                            set value (string replace -- --sessions-dir= '' $tokens[$index])
                    end
                    test -n "$value" && printf '%s\n' --sessions-dir (string replace -r '^~/' "$HOME/" -- $value)
                end
            end

            function __\#(name)_sessions
                command $argv (__\#(name)_directory) 2>/dev/null
            end

            function __\#(name)_labels
                command keeperctl discover --json --no-reap (__\#(name)_directory) 2>/dev/null | \#(program.labelFilter)
            end


            """#
    }
}
