# shellcheck shell=bash disable=SC2034
# bash completion for keeperctl. Rendered from its table of commands: don't edit.

# The command that $1 is a name of.
_keeperctl_command() {
    case $1 in
    spawn) command='spawn' ;;
    run) command='run' ;;
    write) command='write' ;;
    eof) command='eof' ;;
    kill | stop) command='kill' ;;
    restart) command='restart' ;;
    pause) command='pause' ;;
    resume) command='resume' ;;
    upgrade) command='upgrade' ;;
    watch) command='watch' ;;
    sync) command='sync' ;;
    call) command='call' ;;
    turn) command='turn' ;;
    attach) command='attach' ;;
    send-keys) command='send-keys' ;;
    resize) command='resize' ;;
    discover) command='discover' ;;
    status) command='status' ;;
    wait) command='wait' ;;
    logs) command='logs' ;;
    follow) command='follow' ;;
    peek) command='peek' ;;
    stats) command='stats' ;;
    top) command='top' ;;
    metrics) command='metrics' ;;
    ls | ps) command='ls' ;;
    inspect) command='inspect' ;;
    events) command='events' ;;
    label) command='label' ;;
    prune) command='prune' ;;
    exec) command='exec' ;;
    doctor) command='doctor' ;;
    version) command='version' ;;
    help) command='help' ;;
    *) return 1 ;;
    esac
}

# The options of command $1.
_keeperctl_options() {
    local options=''
    case $1 in
    spawn) options='--wait --timeout --env --env-file --clear-env --cwd --label --rm --limit -t --tty --size --restart --restart-limit --ready --start-timeout --watchdog --max-runtime --idle-timeout --silence-timeout --memory-max --memory-warn --cpu-warn --stop-steps --kill --leftovers --journal-size --no-journal --merge-stderr --max-line --max-pending --isolate --cpu-quota --tasks-max --property' ;;
    run) options='--json --timeout --watch --detach-keys --env --env-file --clear-env --cwd --label --rm --limit -t --tty --size --restart --restart-limit --ready --start-timeout --watchdog --max-runtime --idle-timeout --silence-timeout --memory-max --memory-warn --cpu-warn --stop-steps --kill --leftovers --journal-size --no-journal --merge-stderr --max-line --max-pending --isolate --cpu-quota --tasks-max --property' ;;
    write) options='--attempts --timeout --no-receipt --key' ;;
    kill) options='--all --grace --now -s --signal --timeout' ;;
    restart) options='--timeout' ;;
    pause) options='--timeout' ;;
    resume) options='--timeout' ;;
    upgrade) options='--all --path --timeout' ;;
    watch) options='--include --exclude --no-default-excludes --debounce --json' ;;
    sync) options='--watch --debounce --dry-run --json' ;;
    call) options='--raw --batch --timeout --progress --max-timeout --full --notifications' ;;
    turn) options='--protocol --until --json --wait --echo-timeout --silence-timeout' ;;
    attach) options='--read-only --detach-keys' ;;
    send-keys) options='-l --literal' ;;
    discover) options='--json -q --quiet --no-reap' ;;
    status) options='--json' ;;
    wait) options='--for --timeout' ;;
    logs) options='-f --follow --stderr --all --json -t --timestamps --previous -n --tail --since --until --from' ;;
    follow) options='--all --label --from --metrics' ;;
    peek) options='-n --lines' ;;
    stats) options='--json --no-stream' ;;
    ls) options='-a --all --filter --label --json --no-trunc -q --quiet --sort --watch' ;;
    events) options='-f --follow --since --json' ;;
    prune) options='--older --keep --dry-run' ;;
    exec) options='--config --resilient' ;;
    doctor) options='--json' ;;
    esac
    kind="words $options --sessions-dir -h --help --version"
}

# What the value of option $2 of command $1 is; false when it takes none.
_keeperctl_value() {
    case "$1 $2" in
    *' --sessions-dir') kind=directories ;;
    'spawn --wait') kind='words started ready none' ;;
    'spawn --timeout') kind=nothing ;;
    'spawn --env') kind=variables ;;
    'spawn --env-file') kind=files ;;
    'spawn --cwd') kind=directories ;;
    'spawn --label') kind=labels ;;
    'spawn --limit') kind=nothing ;;
    'spawn --size') kind=nothing ;;
    'spawn --restart') kind='words no on-failure always' ;;
    'spawn --restart-limit') kind=nothing ;;
    'spawn --ready') kind='words delay:300ms output output: notify fd:3 line:' ;;
    'spawn --start-timeout') kind=nothing ;;
    'spawn --watchdog') kind=nothing ;;
    'spawn --max-runtime') kind=nothing ;;
    'spawn --idle-timeout') kind=nothing ;;
    'spawn --silence-timeout') kind=nothing ;;
    'spawn --memory-max') kind=nothing ;;
    'spawn --memory-warn') kind=nothing ;;
    'spawn --cpu-warn') kind=nothing ;;
    'spawn --stop-steps') kind=nothing ;;
    'spawn --kill') kind='words group tree process' ;;
    'spawn --leftovers') kind='words end leave' ;;
    'spawn --journal-size') kind=nothing ;;
    'spawn --max-line') kind=nothing ;;
    'spawn --max-pending') kind=nothing ;;
    'spawn --isolate') kind='words auto none systemd' ;;
    'spawn --cpu-quota') kind=nothing ;;
    'spawn --tasks-max') kind=nothing ;;
    'spawn --property') kind=nothing ;;
    'run --timeout') kind=nothing ;;
    'run --watch') kind=files ;;
    'run --detach-keys') kind=nothing ;;
    'run --env') kind=variables ;;
    'run --env-file') kind=files ;;
    'run --cwd') kind=directories ;;
    'run --label') kind=labels ;;
    'run --limit') kind=nothing ;;
    'run --size') kind=nothing ;;
    'run --restart') kind='words no on-failure always' ;;
    'run --restart-limit') kind=nothing ;;
    'run --ready') kind='words delay:300ms output output: notify fd:3 line:' ;;
    'run --start-timeout') kind=nothing ;;
    'run --watchdog') kind=nothing ;;
    'run --max-runtime') kind=nothing ;;
    'run --idle-timeout') kind=nothing ;;
    'run --silence-timeout') kind=nothing ;;
    'run --memory-max') kind=nothing ;;
    'run --memory-warn') kind=nothing ;;
    'run --cpu-warn') kind=nothing ;;
    'run --stop-steps') kind=nothing ;;
    'run --kill') kind='words group tree process' ;;
    'run --leftovers') kind='words end leave' ;;
    'run --journal-size') kind=nothing ;;
    'run --max-line') kind=nothing ;;
    'run --max-pending') kind=nothing ;;
    'run --isolate') kind='words auto none systemd' ;;
    'run --cpu-quota') kind=nothing ;;
    'run --tasks-max') kind=nothing ;;
    'run --property') kind=nothing ;;
    'write --attempts') kind=nothing ;;
    'write --timeout') kind=nothing ;;
    'write --key') kind=nothing ;;
    'kill --grace') kind=nothing ;;
    'kill -s' | 'kill --signal') kind='words HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS' ;;
    'kill --timeout') kind=nothing ;;
    'restart --timeout') kind=nothing ;;
    'pause --timeout') kind=nothing ;;
    'resume --timeout') kind=nothing ;;
    'upgrade --path') kind=files ;;
    'upgrade --timeout') kind=nothing ;;
    'watch --include') kind=nothing ;;
    'watch --exclude') kind=nothing ;;
    'watch --debounce') kind=nothing ;;
    'sync --debounce') kind=nothing ;;
    'call --raw') kind=nothing ;;
    'call --timeout') kind=nothing ;;
    'call --progress') kind=nothing ;;
    'call --max-timeout') kind=nothing ;;
    'turn --protocol') kind='words stream-json codex lines' ;;
    'turn --until') kind=nothing ;;
    'turn --echo-timeout') kind=nothing ;;
    'turn --silence-timeout') kind=nothing ;;
    'attach --detach-keys') kind=nothing ;;
    'wait --for') kind='words exit ready' ;;
    'wait --timeout') kind=nothing ;;
    'logs -n' | 'logs --tail') kind=nothing ;;
    'logs --since') kind=nothing ;;
    'logs --until') kind=nothing ;;
    'logs --from') kind=nothing ;;
    'follow --label') kind=labels ;;
    'follow --from') kind=nothing ;;
    'follow --metrics') kind=nothing ;;
    'peek -n' | 'peek --lines') kind=nothing ;;
    'ls --filter') kind='words state=starting state=running state=paused state=backoff state=stopping state=exited state=failed state=stuck state=lost' ;;
    'ls --label') kind=labels ;;
    'ls --sort') kind='words name age state size' ;;
    'events --since') kind=nothing ;;
    'prune --older') kind=nothing ;;
    'prune --keep') kind=nothing ;;
    'exec --config') kind=files ;;
    *) return 1 ;;
    esac
}

# What operand number $2 of command $1 is.
_keeperctl_operand() {
    case "$1 $2" in
    'spawn 0') kind=nothing ;;
    'run 0') kind=nothing ;;
    'write 0') kind=live ;;
    'write '*) kind=nothing ;;
    'eof 0') kind=live ;;
    'kill '*) kind=live ;;
    'restart '*) kind=sessions ;;
    'pause '*) kind=sessions ;;
    'resume '*) kind=sessions ;;
    'upgrade '*) kind=sessions ;;
    'watch '*) kind=nothing ;;
    'sync 0') kind=files ;;
    'call 0') kind=live ;;
    'call 1') kind=nothing ;;
    'call 2') kind=nothing ;;
    'turn 0') kind=live ;;
    'turn 1') kind=nothing ;;
    'attach 0') kind=sessions ;;
    'send-keys 0') kind=sessions ;;
    'send-keys '*) kind=nothing ;;
    'resize 0') kind=sessions ;;
    'resize 1') kind=nothing ;;
    'status 0') kind=sessions ;;
    'wait '*) kind=sessions ;;
    'logs '*) kind=sessions ;;
    'follow '*) kind=sessions ;;
    'peek 0') kind=sessions ;;
    'stats '*) kind=live ;;
    'inspect '*) kind=sessions ;;
    'events '*) kind=sessions ;;
    'label 0') kind=live ;;
    'label '*) kind=labels ;;
    'exec 0') kind=sessions ;;
    'help 0') kind='words spawn run write eof kill restart pause resume upgrade watch sync call turn attach send-keys resize discover status wait logs follow peek stats top metrics ls inspect events label prune exec doctor version help' ;;
    *) kind=nothing ;;
    esac
}

# Whether all behind -- is another command.
_keeperctl_starts() {
    case $1 in
    spawn | run) ;;
    *) return 1 ;;
    esac
}

# Every candidate of kind $1 for the word $2, a line each.
_keeperctl_candidates() {
    local -a list where=()
    if [[ -n $directory ]]; then where=(--sessions-dir "${directory/#\~\//$HOME/}"); fi
    case $1 in
    files) compgen -f -- "$2" ;;
    directories) compgen -d -- "$2" ;;
    commands) compgen -c -- "$2" ;;
    variables) compgen -e -S = -- "$2" ;;
    live) keeperctl discover --quiet --no-reap "${where[@]}" ;;
    sessions) keeperctl ls --all --quiet "${where[@]}" ;;
    labels) keeperctl discover --json --no-reap "${where[@]}" | sed -n 's/.*"labels":{\([^}]*\)}.*/\1/p' | tr , '\n' | sed -n 's/^"\([A-Za-z0-9._-]*\)":"\([A-Za-z0-9._\/@%+-]*\)"$/\1=\2/p' | sort -u ;;
    words*)
        read -ra list <<<"$1"
        printf '%s\n' "${list[@]:1}"
        ;;
    esac 2>/dev/null
}

# Offers what is of kind $1 and begins with $2, with $3 in front.
_keeperctl_offer() {
    local candidate
    case $1 in
    files | directories | commands) compopt -o filenames 2>/dev/null ;;
    variables) compopt -o nospace 2>/dev/null ;;
    esac
    while IFS= read -r candidate; do
        if [[ $candidate == "$2"* ]]; then COMPREPLY+=("$3$candidate"); fi
    done < <(_keeperctl_candidates "$1" "$2")
}

# Fills 'words' up to the cursor, and 'places' with where they begin in COMP_WORDS. Readline also breaks
# words at '=' and ':', which ids and options contain: 'typed' is the part that it will replace.
_keeperctl_words() {
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

_keeperctl() {
    local -a words=() places=()
    local command='' directory='' kind='' pending='' ended='' typed=''
    local word current index letter operands=0
    COMPREPLY=()
    _keeperctl_words
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
            if _keeperctl_starts "$command"; then
                if declare -F _command_offset >/dev/null; then
                    _command_offset "${places[index + 1]}"
                elif ((index + 1 == last)); then
                    _keeperctl_offer commands "$current" ''
                else
                    _keeperctl_offer files "$current" ''
                fi
                return
            fi
            ended=1
        elif [[ -z $ended && $word == --*=* ]]; then
            if [[ $word == --sessions-dir=* ]]; then directory=${word#*=}; fi
        elif [[ -z $ended && $word == --* ]]; then
            if _keeperctl_value "$command" "$word"; then pending=$word; fi
        elif [[ -z $ended && $word == -?* ]]; then
            for ((letter = 1; letter < ${#word}; letter++)); do
                if _keeperctl_value "$command" "-${word:letter:1}"; then
                    if ((letter + 1 == ${#word})); then pending=-${word:letter:1}; fi
                    break
                fi
            done
        elif [[ -z $command ]]; then
            _keeperctl_command "$word" || return
        else
            operands=$((operands + 1))
        fi
    done

    local prefix=''
    if [[ -n $pending ]]; then
        _keeperctl_value "$command" "$pending"
    elif [[ -z $ended && $current == --*=* ]]; then
        prefix=${current%%=*}=
        _keeperctl_value "$command" "${current%%=*}" || return
    elif [[ -z $ended && $current == -* ]]; then
        _keeperctl_options "$command"
    elif [[ -z $command ]]; then
        kind='words spawn run write eof kill stop restart pause resume upgrade watch sync call turn attach send-keys resize discover status wait logs follow peek stats top metrics ls ps inspect events label prune exec doctor version help'
    else
        _keeperctl_operand "$command" "$operands"
    fi
    _keeperctl_offer "$kind" "${current#"$prefix"}" "$prefix"
    COMPREPLY=("${COMPREPLY[@]#"${current:0:${#current} - ${#typed}}"}")
}

complete -F _keeperctl keeperctl
