# shellcheck shell=bash disable=SC2034
# bash completion for keeper. Rendered from its table of commands: don't edit.

# The command that $1 is a name of.
_keeper_command() {
    case $1 in
    *) return 1 ;;
    esac
}

# The options of command $1.
_keeper_options() {
    local options=''
    case $1 in
    keeper) options='--cwd --label --rm --limit -t --tty --size --restart --restart-limit --ready --start-timeout --watchdog --max-runtime --idle-timeout --silence-timeout --memory-max --memory-warn --cpu-warn --stop-steps --kill --leftovers --journal-size --no-journal --merge-stderr --max-line --max-pending --resilient' ;;
    esac
    kind="words $options --sessions-dir -h --help --version"
}

# What the value of option $2 of command $1 is; false when it takes none.
_keeper_value() {
    case "$1 $2" in
    *' --sessions-dir') kind=directories ;;
    'keeper --cwd') kind=directories ;;
    'keeper --label') kind=labels ;;
    'keeper --limit') kind=nothing ;;
    'keeper --size') kind=nothing ;;
    'keeper --restart') kind='words no on-failure always' ;;
    'keeper --restart-limit') kind=nothing ;;
    'keeper --ready') kind='words delay:300ms output output: notify fd:3 line:' ;;
    'keeper --start-timeout') kind=nothing ;;
    'keeper --watchdog') kind=nothing ;;
    'keeper --max-runtime') kind=nothing ;;
    'keeper --idle-timeout') kind=nothing ;;
    'keeper --silence-timeout') kind=nothing ;;
    'keeper --memory-max') kind=nothing ;;
    'keeper --memory-warn') kind=nothing ;;
    'keeper --cpu-warn') kind=nothing ;;
    'keeper --stop-steps') kind=nothing ;;
    'keeper --kill') kind='words group tree process' ;;
    'keeper --leftovers') kind='words end leave' ;;
    'keeper --journal-size') kind=nothing ;;
    'keeper --max-line') kind=nothing ;;
    'keeper --max-pending') kind=nothing ;;
    *) return 1 ;;
    esac
}

# What operand number $2 of command $1 is.
_keeper_operand() {
    case "$1 $2" in
    'keeper 0') kind=nothing ;;
    *) kind=nothing ;;
    esac
}

# Whether all behind -- is another command.
_keeper_starts() {
    case $1 in
    keeper) ;;
    *) return 1 ;;
    esac
}

# Every candidate of kind $1 for the word $2, a line each.
_keeper_candidates() {
    local -a list where=()
    if [[ -n $directory ]]; then where=(--sessions-dir "${directory/#\~\//$HOME/}"); fi
    case $1 in
    files) compgen -f -- "$2" ;;
    directories) compgen -d -- "$2" ;;
    commands) compgen -c -- "$2" ;;
    variables) compgen -e -S = -- "$2" ;;
    live) keeperctl discover --quiet --no-reap "${where[@]}" ;;
    sessions) keeperctl discover --quiet --no-reap "${where[@]}" ;;
    labels) keeperctl discover --json --no-reap "${where[@]}" | sed -n 's/.*"labels":{\([^}]*\)}.*/\1/p' | tr , '\n' | sed -n 's/^"\([A-Za-z0-9._-]*\)":"\([A-Za-z0-9._\/@%+-]*\)"$/\1=\2/p' | sort -u ;;
    words*)
        read -ra list <<<"$1"
        printf '%s\n' "${list[@]:1}"
        ;;
    esac 2>/dev/null
}

# Offers what is of kind $1 and begins with $2, with $3 in front.
_keeper_offer() {
    local candidate
    case $1 in
    files | directories | commands) compopt -o filenames 2>/dev/null ;;
    variables) compopt -o nospace 2>/dev/null ;;
    esac
    while IFS= read -r candidate; do
        if [[ $candidate == "$2"* ]]; then COMPREPLY+=("$3$candidate"); fi
    done < <(_keeper_candidates "$1" "$2")
}

# Fills 'words' up to the cursor, and 'places' with where they begin in COMP_WORDS. Readline also breaks
# words at '=' and ':', which ids and options contain: 'typed' is the part that it will replace.
_keeper_words() {
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

_keeper() {
    local -a words=() places=()
    local command='keeper' directory='' kind='' pending='' ended='' typed=''
    local word current index letter operands=0
    COMPREPLY=()
    _keeper_words
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
            if _keeper_starts "$command"; then
                if declare -F _command_offset >/dev/null; then
                    _command_offset "${places[index + 1]}"
                elif ((index + 1 == last)); then
                    _keeper_offer commands "$current" ''
                else
                    _keeper_offer files "$current" ''
                fi
                return
            fi
            ended=1
        elif [[ -z $ended && $word == --*=* ]]; then
            if [[ $word == --sessions-dir=* ]]; then directory=${word#*=}; fi
        elif [[ -z $ended && $word == --* ]]; then
            if _keeper_value "$command" "$word"; then pending=$word; fi
        elif [[ -z $ended && $word == -?* ]]; then
            for ((letter = 1; letter < ${#word}; letter++)); do
                if _keeper_value "$command" "-${word:letter:1}"; then
                    if ((letter + 1 == ${#word})); then pending=-${word:letter:1}; fi
                    break
                fi
            done
        elif [[ -z $command ]]; then
            _keeper_command "$word" || return
        else
            operands=$((operands + 1))
        fi
    done

    local prefix=''
    if [[ -n $pending ]]; then
        _keeper_value "$command" "$pending"
    elif [[ -z $ended && $current == --*=* ]]; then
        prefix=${current%%=*}=
        _keeper_value "$command" "${current%%=*}" || return
    elif [[ -z $ended && $current == -* ]]; then
        _keeper_options "$command"
    elif [[ -z $command ]]; then
        kind='words '
    else
        _keeper_operand "$command" "$operands"
    fi
    _keeper_offer "$kind" "${current#"$prefix"}" "$prefix"
    COMPREPLY=("${COMPREPLY[@]#"${current:0:${#current} - ${#typed}}"}")
}

complete -F _keeper keeper
