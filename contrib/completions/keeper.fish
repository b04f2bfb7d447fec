# fish completion for keeper. Rendered from its table of commands: don't edit.

# Whether an option, as 'COMMAND OPTION', is followed by its value.
function __keeper_takes_value
    switch "$argv"
        case '* --sessions-dir'
            return 0
        case 'keeper --cwd' 'keeper --label' 'keeper --limit' 'keeper --size' 'keeper --restart' 'keeper --restart-limit' 'keeper --ready' 'keeper --start-timeout' 'keeper --watchdog' 'keeper --max-runtime' 'keeper --idle-timeout' 'keeper --silence-timeout' 'keeper --memory-max' 'keeper --memory-warn' 'keeper --cpu-warn' 'keeper --stop-steps' 'keeper --kill' 'keeper --leftovers' 'keeper --journal-size' 'keeper --max-line' 'keeper --max-pending'
            return 0
    end
    return 1
end

# Where the cursor is: the command or '-', how many operands are before it, and the number of the token
# that begins the child's command, or 0.
function __keeper_place
    set -l tokens (commandline -opc)
    set -l command keeper
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
            if contains -- $command keeper
                printf '%s\n' $command $operands (math $index + 1)
                return
            end
            set ended 1
        else if test $ended = 0 && string match -q -- '--*=*' $token
            continue
        else if test $ended = 0 && string match -q -- '--*' $token
            __keeper_takes_value $command $token && set pending 1
        else if test $ended = 0 && string match -q -- '-?*' $token
            # Of letters in one word, one with a value takes the rest of it, or the next word.
            set -l letters (string split '' -- (string sub -s 2 -- $token))
            for place in (seq (count $letters))
                if __keeper_takes_value $command -$letters[$place]
                    test $place = (count $letters) && set pending 1
                    break
                end
            end
        else if test $command = -
            set command $token
            switch $command
            end
        else
            set operands (math $operands + 1)
        end
    end
    printf '%s\n' $command $operands 0
end

# Whether the cursor is in words of command $argv[1], and if $argv[2] is given, at that operand, or with
# $argv[3] at that or a later one.
function __keeper_at
    set -l place (__keeper_place)
    test $place[1] = $argv[1] -a $place[3] = 0 || return 1
    if set -q argv[3]
        test $place[2] -ge $argv[2]
    else if set -q argv[2]
        test $place[2] = $argv[2]
    end
end

function __keeper_in_child
    set -l place (__keeper_place)
    test $place[3] != 0
end

# Completes the child's command as it would be completed by itself.
function __keeper_child
    set -l place (__keeper_place)
    set -l tokens (commandline -opc)
    set -l before (string escape -- $tokens[$place[3]..-1])
    complete -C (string join ' ' -- $before (commandline -ct))
end

# The option that names the sessions directory, as it was given.
function __keeper_directory
    set -l tokens (commandline -opc)
    for index in (seq (count $tokens))
        set -l value
        switch $tokens[$index]
            case --
                set -l place (__keeper_place)
                test $place[3] = 0 || return
            case --sessions-dir
                set value $tokens[(math $index + 1)]
            case '--sessions-dir=*'
                set value (string replace -- --sessions-dir= '' $tokens[$index])
        end
        test -n "$value" && printf '%s\n' --sessions-dir (string replace -r '^~/' "$HOME/" -- $value)
    end
end

function __keeper_sessions
    command $argv (__keeper_directory) 2>/dev/null
end

function __keeper_labels
    command keeperctl discover --json --no-reap (__keeper_directory) 2>/dev/null | sed -n 's/.*"labels":{\([^}]*\)}.*/\1/p' | tr , '\n' | sed -n 's/^"\([A-Za-z0-9._-]*\)":"\([A-Za-z0-9._\/@%+-]*\)"$/\1=\2/p' | sort -u
end

complete -c keeper -f

complete -c keeper -n 'not __keeper_in_child' -l sessions-dir -x -a '(__fish_complete_directories)' -d 'Keep sessions in DIR'
complete -c keeper -n 'not __keeper_in_child' -s h -l help -d 'Show this help and exit'
complete -c keeper -n 'not __keeper_in_child' -l version -d 'Print the version and exit'

complete -c keeper -n '__keeper_at keeper' -l cwd -x -a '(__fish_complete_directories)' -d 'Run the command in DIR'
complete -c keeper -n '__keeper_at keeper' -l label -x -a '(__keeper_labels)' -d 'Label the session'
complete -c keeper -n '__keeper_at keeper' -l rm -d 'Remove all files of the session when it ends'
complete -c keeper -n '__keeper_at keeper' -l limit -x -d 'Set a limit of the kernel for the command, such as NOFILE=1024 or CORE=unlimited'
complete -c keeper -n '__keeper_at keeper' -s t -l tty -d 'Run the command in a terminal of its own'
complete -c keeper -n '__keeper_at keeper' -l size -x -d 'Make that terminal this large; implies --tty'
complete -c keeper -n '__keeper_at keeper' -l restart -x -a 'no on-failure always' -d 'Start the command again when it ends, once it has been ready'
complete -c keeper -n '__keeper_at keeper' -l restart-limit -x -d 'Give up after N restarts in DURATION, such as 10/10m'
complete -c keeper -n '__keeper_at keeper' -l ready -x -a 'delay:300ms output output: notify fd:3 line:' -d 'The command is ready after delay:DURATION, its first output, output:TEXT, notify (READY=1 to $NOTIFY_SOCKET), a newline on fd:N, or an answer to line:TEXT'
complete -c keeper -n '__keeper_at keeper' -l start-timeout -x -d 'End a command that is not ready by then'
complete -c keeper -n '__keeper_at keeper' -l watchdog -x -d 'End a command that does not send WATCHDOG=1 to $NOTIFY_SOCKET this often'
complete -c keeper -n '__keeper_at keeper' -l max-runtime -x -d 'End a command that has run this long'
complete -c keeper -n '__keeper_at keeper' -l idle-timeout -x -d 'End a command that has had no input and no output for this long'
complete -c keeper -n '__keeper_at keeper' -l silence-timeout -x -d 'End a command that has written nothing for this long after input'
complete -c keeper -n '__keeper_at keeper' -l memory-max -x -d 'End the session when all its processes together hold more'
complete -c keeper -n '__keeper_at keeper' -l memory-warn -x -d 'Record an event when they hold more three times in a row, 5s apart'
complete -c keeper -n '__keeper_at keeper' -l cpu-warn -x -d 'Record an event when they use more of one core three times in a row, 5s apart'
complete -c keeper -n '__keeper_at keeper' -l stop-steps -x -d 'How the command is ended: signals, and eof for the end of its input, and how long each is given'
complete -c keeper -n '__keeper_at keeper' -l kill -x -a 'group tree process' -d 'Which processes signals go to: the command\'s process group, all its descendants, or it alone'
complete -c keeper -n '__keeper_at keeper' -l leftovers -x -a 'end leave' -d 'What to do with processes that the command started and left behind'
complete -c keeper -n '__keeper_at keeper' -l journal-size -x -d 'Keep this much of each output stream; at least 64K'
complete -c keeper -n '__keeper_at keeper' -l no-journal -d 'Discard the output'
complete -c keeper -n '__keeper_at keeper' -l merge-stderr -d 'Write stderr to the journal of stdout, in the order the command wrote them'
complete -c keeper -n '__keeper_at keeper' -l max-line -x -d 'Refuse longer lines'
complete -c keeper -n '__keeper_at keeper' -l max-pending -x -d 'Bound what unfinished lines of all writers may take up'
complete -c keeper -n '__keeper_at keeper' -l resilient -d 'Let the service manager keep what is open, so that a keeper that is killed is followed by one that goes on with the session'

complete -c keeper -n __keeper_in_child -a '(__keeper_child)'
