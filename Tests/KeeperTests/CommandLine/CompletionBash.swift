import KeeperShared

/// Renders the completion script for bash 4.2 or later. It needs nothing else; where the package
/// bash-completion is loaded, it completes the child's command and its arguments.
enum CompletionBash {
    static func render(_ program: ProgramSpec) -> String {
        head(program) + tables(program) + engine(program) + "complete -F _\(program.name) \(program.name)\n"
    }

    private static func head(_ program: ProgramSpec) -> String {
        """
        # shellcheck shell=bash disable=SC2034
        # bash completion for \(program.name). Rendered from its table of commands: don't edit.


        """
    }

    // MARK: What differs from program to program

    private static func tables(_ program: ProgramSpec) -> String {
        let name = program.name
        var text = "# The command that $1 is a name of.\n_\(name)_command() {\n    case $1 in\n"
        for command in program.commands {
            let names = ([command.name] + command.aliases).joined(separator: " | ")
            text += "    \(names)) command='\(command.name)' ;;\n"
        }
        text += "    *) return 1 ;;\n    esac\n}\n\n"

        text += "# The options of command $1.\n_\(name)_options() {\n    local options=''\n    case $1 in\n"
        for command in program.allCommands where !command.visibleOptions.isEmpty {
            let options = command.visibleOptions.flatMap { $0.spellings }.joined(separator: " ")
            text += "    \(command.name)) options='\(options)' ;;\n"
        }
        let general = program.globalOptions.flatMap { $0.spellings }.joined(separator: " ")
        text += "    esac\n    kind=\"words $options \(general)\"\n}\n\n"

        text += "# What the value of option $2 of command $1 is; false when it takes none.\n"
        text += "_\(name)_value() {\n    case \"$1 $2\" in\n"
        for option in program.globalOptions where option.takesValue {
            text += row(option.spellings.map { "*' \($0)'" }, CompletionSource(option, of: program))
        }
        for command in program.allCommands {
            for option in command.visibleOptions where option.takesValue {
                let patterns = option.spellings.map { "'\(command.name) \($0)'" }
                text += row(patterns, CompletionSource(option, of: program))
            }
        }
        text += "    *) return 1 ;;\n    esac\n}\n\n"

        text += "# What operand number $2 of command $1 is.\n_\(name)_operand() {\n    case \"$1 $2\" in\n"
        for command in program.allCommands {
            for (index, operand) in command.operands.enumerated() {
                let pattern = operand.repeats ? "'\(command.name) '*" : "'\(command.name) \(index)'"
                text += row([pattern], CompletionSource(operand, of: command, in: program))
            }
        }
        text += "    *) kind=nothing ;;\n    esac\n}\n\n"

        let starting = program.allCommands.filter { $0.startsSession }.map { $0.name }
        text += "# Whether all behind -- is another command.\n_\(name)_starts() {\n    case $1 in\n"
        text += "    \(starting.joined(separator: " | "))) ;;\n    *) return 1 ;;\n    esac\n}\n\n"
        return text
    }

    private static func row(_ patterns: [String], _ source: CompletionSource) -> String {
        "    \(patterns.joined(separator: " | "))) kind=\(kind(source)) ;;\n"
    }

    private static func kind(_ source: CompletionSource) -> String {
        switch source {
        case .nothing: "nothing"
        case .files: "files"
        case .directories: "directories"
        case .liveSessions: "live"
        case .sessions: "sessions"
        case .labels: "labels"
        case .variables: "variables"
        case .words(let words): shellQuoted((["words"] + words).joined(separator: " "))
        }
    }

    // MARK: What is the same for all

    private static func engine(_ program: ProgramSpec) -> String {
        let name = program.name
        let commands = program.commands.flatMap { [$0.name] + $0.aliases }.joined(separator: " ")
        return #"""
            # Every candidate of kind $1 for the word $2, a line each.
            _\#(name)_candidates() {
                local -a list where=()
                if [[ -n $directory ]]; then where=(--sessions-dir "${directory/#\~\//$HOME/}"); fi
                case $1 in
                files) compgen -f -- "$2" ;;
                directories) compgen -d -- "$2" ;;
                commands) compgen -c -- "$2" ;;
                variables) compgen -e -S = -- "$2" ;;
                live) \#(program.liveSessionsCommand) "${where[@]}" ;;
                sessions) \#(program.allSessionsCommand) "${where[@]}" ;;
                labels) keeperctl discover --json --no-reap "${where[@]}" | \#(program.labelFilter) ;;
                words*)
                    read -ra list <<<"$1"
                    printf '%s\n' "${list[@]:1}"
                    ;;
                esac 2>/dev/null
            }

            # Offers what is of kind $1 and begins with $2, with $3 in front.
            _\#(name)_offer() {
                local candidate
                case $1 in
                files | directories | commands) compopt -o filenames 2>/dev/null ;;
                variables) compopt -o nospace 2>/dev/null ;;
                esac
                while IFS= read -r candidate; do
                    if [[ $candidate == "$2"* ]]; then COMPREPLY+=("$3$candidate"); fi
                done < <(_\#(name)_candidates "$1" "$2")
            }

            # Fills 'words' up to the cursor, and 'places' with where they begin in COMP_WORDS. Readline also breaks
            # words at '=' and ':', which ids and options contain: 'typed' is the part that it will replace.
            _\#(name)_words() {
                local rest=${COMP_LINE:0:COMP_POINT} word index
                for ((index = 0; index <= COMP_CWORD; index++)); do
                    word=${COMP_WORDS[index]}
                    if ((index == 0)) || [[ $rest == [[:space:]]* ]]; then
                        rest=${rest#"${rest%%[![:space:]]*}"}
                        words+=('')
                        places+=("$index")
                    fi
                    if [[ $rest != "$word"* ]]; then word=$rest; fi
                    words[${#words[@]} - 1]+=$word
                    rest=${rest#"$word"}
                done
                typed=$word
                if [[ -n $typed && -z ${typed//[=:]/} ]]; then typed=''; fi
            }

            _\#(name)() {
                local -a words=() places=()
                local command='\#(program.root?.name ?? "")' directory='' kind='' pending='' ended='' typed=''
                local word current index letter operands=0
                COMPREPLY=()
                _\#(name)_words
                local last=$((${#words[@]} - 1))
                current=${words[last]}

                for ((index = 1; index < last; index++)); do
                    word=${words[index]}
                    if [[ -n $pending ]]; then
                        if [[ $pending == --sessions-dir ]]; then directory=$word; fi
                        pending=''
                    elif [[ -z $ended && $word == -- ]]; then
                        # In front of the command it ends the general options only.
                        if [[ -z $command ]]; then continue; fi
                        if _\#(name)_starts "$command"; then
                            if declare -F _command_offset >/dev/null; then
                                _command_offset "${places[index + 1]}"
                            elif ((index + 1 == last)); then
                                _\#(name)_offer commands "$current" ''
                            else
                                _\#(name)_offer files "$current" ''
                            fi
                            return
                        fi
                        ended=1
                    elif [[ -z $ended && $word == --*=* ]]; then
                        if [[ $word == --sessions-dir=* ]]; then directory=${word#*=}; fi
                    elif [[ -z $ended && $word == --* ]]; then
                        if _\#(name)_value "$command" "$word"; then pending=$word; fi
                    elif [[ -z $ended && $word == -?* ]]; then
                        for ((letter = 1; letter < ${#word}; letter++)); do
                            if _\#(name)_value "$command" "-${word:letter:1}"; then
                                if ((letter + 1 == ${#word})); then pending=-${word:letter:1}; fi
                                break
                            fi
                        done
                    elif [[ -z $command ]]; then
                        _\#(name)_command "$word" || return
                    else
                        operands=$((operands + 1))
                    fi
                done

                local prefix=''
                if [[ -n $pending ]]; then
                    _\#(name)_value "$command" "$pending"
                elif [[ -z $ended && $current == --*=* ]]; then
                    prefix=${current%%=*}=
                    _\#(name)_value "$command" "${current%%=*}" || return
                elif [[ -z $ended && $current == -* ]]; then
                    _\#(name)_options "$command"
                elif [[ -z $command ]]; then
                    kind='words \#(commands)'
                else
                    _\#(name)_operand "$command" "$operands"
                fi
                _\#(name)_offer "$kind" "${current#"$prefix"}" "$prefix"
                COMPREPLY=("${COMPREPLY[@]#"${current:0:${#current} - ${#typed}}"}")
            }


            """#
    }
}
