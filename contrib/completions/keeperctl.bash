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
