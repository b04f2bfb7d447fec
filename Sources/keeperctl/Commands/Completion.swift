import CSystem
import KeeperShared

let completionCommand = Command("completion", run: runCompletion) {
    CommandSpec(
        $0, summary: "Print the completion script for a shell",
        description: [
            "It serves keeperctl and keeper, and asks keeperctl itself for what may follow. For bash, put "
                + "'source <(keeperctl completion bash)' into ~/.bashrc; for zsh, write it to a file _keeperctl in a "
                + "directory of $fpath; for fish, write it to ~/.config/fish/completions/keeperctl.fish."
        ],
        operands: [OperandSpec("SHELL", .choice(CompletionScript.shells))],
        examples: [
            ExampleSpec("keeperctl completion bash", "Prints the script for bash.")
        ])
}

private func runCompletion(_ context: Context) -> Int32 {
    context.output.write(CompletionScript.text(for: context.arguments.operands[0].text))
    context.output.flush()
    return ExitStatus.done
}

/// The scripts, which are also the files in `contrib/completions`.
package enum CompletionScript {
    package static let shells = ["bash", "zsh", "fish"]

    package static func text(for shell: String) -> String {
        equalUTF8(shell, "bash") ? bash : equalUTF8(shell, "zsh") ? zsh : fish
    }

    /// Readline also breaks words at '=' and ':', which ids and options contain; it replaces only the last part.
    private static let bash = #"""
        # bash completion for keeperctl and keeper
        _keeperctl() {
            local rest=${COMP_LINE:0:COMP_POINT} words=() places=() piece index candidate current cut
            COMPREPLY=()
            for ((index = 0; index <= COMP_CWORD; index++)); do
                piece=${COMP_WORDS[index]}
                if ((index == 0)) || [[ $rest == [[:space:]]* ]]; then
                    rest=${rest#"${rest%%[![:space:]]*}"}
                    words+=('')
                    places+=("$index")
                fi
                if [[ $rest != "$piece"* ]]; then piece=$rest; fi
                words[${#words[@]} - 1]+=$piece
                rest=${rest#"$piece"}
            done
            current=${words[${#words[@]} - 1]}
            cut=${current%"$piece"}
            if [[ -n $piece && -z ${piece//[=:]/} ]]; then cut=$current; fi
            while IFS=$'\t' read -r candidate _; do
                case $candidate in
                :command*)
                    index=${candidate#:command }
                    if declare -F _command_offset >/dev/null; then
                        _command_offset "${places[index]}"
                        return
                    fi
                    compopt -o filenames 2>/dev/null
                    if ((index + 1 == ${#words[@]})); then piece=-c; else piece=-f; fi
                    mapfile -t COMPREPLY < <(compgen "$piece" -- "$current")
                    return
                    ;;
                :files | :directories)
                    compopt -o filenames 2>/dev/null
                    piece=-f
                    if [[ $candidate == :directories ]]; then piece=-d; fi
                    if [[ $current == --*=* ]]; then current=${current#*=}; fi
                    mapfile -t COMPREPLY < <(compgen "$piece" -- "$current")
                    ;;
                :variables)
                    compopt -o nospace 2>/dev/null
                    if [[ $current == --*=* ]]; then current=${current#*=}; fi
                    mapfile -t COMPREPLY < <(compgen -e -S = -- "$current")
                    ;;
                *) COMPREPLY+=("${candidate#"$cut"}") ;;
                esac
            done < <(keeperctl complete -- "${words[@]}" 2>/dev/null)
        }
        complete -F _keeperctl keeperctl keeper

        """#

    private static let zsh = #"""
        #compdef keeperctl keeper
        _keeperctl() {
            local line prefix=''
            local -a lines plain described
            lines=("${(@f)$(keeperctl complete -- "${(@Q)words[1,CURRENT]}" 2>/dev/null)}")
            case $lines[1] in
            '') return 1 ;;
            :command*)
                shift ${lines[1]#:command } words
                (( CURRENT -= ${lines[1]#:command } ))
                _normal
                return
                ;;
            :files) compset -P '--*='; _files; return ;;
            :directories) compset -P '--*='; _path_files -/; return ;;
            :variables) compset -P '--*='; _parameters -qS= -g '*export*'; return ;;
            esac
            for line in $lines; do
                plain+=("${line%%$'\t'*}")
                described+=("${line/$'\t'/  -- }")
            done
            compadd -l -d described -a plain
        }
        _keeperctl "$@"

        """#

    private static let fish = #"""
        # fish completion for keeperctl and keeper
        function __keeperctl_complete
            set -l words (commandline -opc) (commandline -ct)
            set -l lines (keeperctl complete -- $words 2>/dev/null)
            set -l value (string replace -r -- '^--[^=]*=' '' $words[-1])
            set -l prefix (string sub -l (math (string length -- $words[-1]) - (string length -- $value)) -- $words[-1])
            switch "$lines[1]"
                case ':command*'
                    set -l first (math (string replace ':command ' '' -- $lines[1]) + 1)
                    complete -C (string join ' ' -- (string escape -- $words[$first..-2]) $words[-1])
                case :files
                    printf "$prefix%s\n" (__fish_complete_path $value)
                case :directories
                    printf "$prefix%s\n" (__fish_complete_directories $value '')
                case :variables
                    printf "$prefix%s=\n" (set -nx)
                case '*'
                    string join \n -- $lines
            end
        end
        complete -c keeperctl -f -a '(__keeperctl_complete)'
        complete -c keeper -f -a '(__keeperctl_complete)'

        """#
}
