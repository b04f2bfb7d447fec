# fish completion for keeperctl. Rendered from its table of commands: don't edit.

# Whether an option, as 'COMMAND OPTION', is followed by its value.
function __keeperctl_takes_value
    switch "$argv"
        case '* --sessions-dir'
            return 0
        case 'spawn --wait' 'spawn --timeout' 'spawn --env' 'spawn --env-file' 'spawn --cwd' 'spawn --label' 'spawn --limit' 'spawn --size' 'spawn --restart' 'spawn --restart-limit' 'spawn --ready' 'spawn --start-timeout' 'spawn --watchdog' 'spawn --max-runtime' 'spawn --idle-timeout' 'spawn --silence-timeout' 'spawn --memory-max' 'spawn --memory-warn' 'spawn --cpu-warn' 'spawn --stop-steps' 'spawn --kill' 'spawn --leftovers' 'spawn --journal-size' 'spawn --max-line' 'spawn --max-pending' 'spawn --isolate' 'spawn --cpu-quota' 'spawn --tasks-max' 'spawn --property'
            return 0
        case 'run --timeout' 'run --watch' 'run --detach-keys' 'run --env' 'run --env-file' 'run --cwd' 'run --label' 'run --limit' 'run --size' 'run --restart' 'run --restart-limit' 'run --ready' 'run --start-timeout' 'run --watchdog' 'run --max-runtime' 'run --idle-timeout' 'run --silence-timeout' 'run --memory-max' 'run --memory-warn' 'run --cpu-warn' 'run --stop-steps' 'run --kill' 'run --leftovers' 'run --journal-size' 'run --max-line' 'run --max-pending' 'run --isolate' 'run --cpu-quota' 'run --tasks-max' 'run --property'
            return 0
        case 'write --attempts' 'write --timeout' 'write --key'
            return 0
        case 'kill --grace' 'kill -s' 'kill --signal' 'kill --timeout'
            return 0
        case 'restart --timeout'
            return 0
        case 'pause --timeout'
            return 0
        case 'resume --timeout'
            return 0
        case 'upgrade --path' 'upgrade --timeout'
            return 0
        case 'watch --include' 'watch --exclude' 'watch --debounce'
            return 0
        case 'sync --debounce'
            return 0
        case 'call --raw' 'call --timeout' 'call --progress' 'call --max-timeout'
            return 0
        case 'turn --protocol' 'turn --until' 'turn --echo-timeout' 'turn --silence-timeout'
            return 0
        case 'attach --detach-keys'
            return 0
        case 'wait --for' 'wait --timeout'
            return 0
        case 'logs -n' 'logs --tail' 'logs --since' 'logs --until' 'logs --from'
            return 0
        case 'follow --label' 'follow --from' 'follow --metrics'
            return 0
        case 'peek -n' 'peek --lines'
            return 0
        case 'ls --filter' 'ls --label' 'ls --sort'
            return 0
        case 'events --since'
            return 0
        case 'prune --older' 'prune --keep'
            return 0
        case 'exec --config'
            return 0
    end
    return 1
end

# Where the cursor is: the command or '-', how many operands are before it, and the number of the token
# that begins the child's command, or 0.
function __keeperctl_place
    set -l tokens (commandline -opc)
    set -l command -
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
            if contains -- $command spawn run
                printf '%s\n' $command $operands (math $index + 1)
                return
            end
            set ended 1
        else if test $ended = 0 && string match -q -- '--*=*' $token
            continue
        else if test $ended = 0 && string match -q -- '--*' $token
            __keeperctl_takes_value $command $token && set pending 1
        else if test $ended = 0 && string match -q -- '-?*' $token
            # Of letters in one word, one with a value takes the rest of it, or the next word.
            set -l letters (string split '' -- (string sub -s 2 -- $token))
            for place in (seq (count $letters))
                if __keeperctl_takes_value $command -$letters[$place]
                    test $place = (count $letters) && set pending 1
                    break
                end
            end
        else if test $command = -
            set command $token
            switch $command
                case stop
                    set command kill
                case ps
                    set command ls
            end
        else
            set operands (math $operands + 1)
        end
    end
    printf '%s\n' $command $operands 0
end

# Whether the cursor is in words of command $argv[1], and if $argv[2] is given, at that operand, or with
# $argv[3] at that or a later one.
function __keeperctl_at
    set -l place (__keeperctl_place)
    test $place[1] = $argv[1] -a $place[3] = 0 || return 1
    if set -q argv[3]
        test $place[2] -ge $argv[2]
    else if set -q argv[2]
        test $place[2] = $argv[2]
    end
end

function __keeperctl_in_child
    set -l place (__keeperctl_place)
    test $place[3] != 0
end

# Completes the child's command as it would be completed by itself.
function __keeperctl_child
    set -l place (__keeperctl_place)
    set -l tokens (commandline -opc)
    set -l before (string escape -- $tokens[$place[3]..-1])
    complete -C (string join ' ' -- $before (commandline -ct))
end

# The option that names the sessions directory, as it was given.
function __keeperctl_directory
    set -l tokens (commandline -opc)
    for index in (seq (count $tokens))
        set -l value
        switch $tokens[$index]
            case --
                set -l place (__keeperctl_place)
                test $place[3] = 0 || return
            case --sessions-dir
                set value $tokens[(math $index + 1)]
            case '--sessions-dir=*'
                set value (string replace -- --sessions-dir= '' $tokens[$index])
        end
        test -n "$value" && printf '%s\n' --sessions-dir (string replace -r '^~/' "$HOME/" -- $value)
    end
end

function __keeperctl_sessions
    command $argv (__keeperctl_directory) 2>/dev/null
end

function __keeperctl_labels
    command keeperctl discover --json --no-reap (__keeperctl_directory) 2>/dev/null | sed -n 's/.*"labels":{\([^}]*\)}.*/\1/p' | tr , '\n' | sed -n 's/^"\([A-Za-z0-9._-]*\)":"\([A-Za-z0-9._\/@%+-]*\)"$/\1=\2/p' | sort -u
end

complete -c keeperctl -f
complete -c keeperctl -n '__keeperctl_at -' -a spawn -d 'Start a command as a session and return'
complete -c keeperctl -n '__keeperctl_at -' -a run -d 'Start a command as a session and stay with it'
complete -c keeperctl -n '__keeperctl_at -' -a write -d 'Send lines to a session\'s standard input'
complete -c keeperctl -n '__keeperctl_at -' -a eof -d 'Close a session\'s standard input'
complete -c keeperctl -n '__keeperctl_at -' -a kill -d 'End sessions, or send them a signal'
complete -c keeperctl -n '__keeperctl_at -' -a stop -d 'End sessions, or send them a signal'
complete -c keeperctl -n '__keeperctl_at -' -a restart -d 'Start the commands of sessions anew'
complete -c keeperctl -n '__keeperctl_at -' -a pause -d 'Stop the processes of sessions where they are'
complete -c keeperctl -n '__keeperctl_at -' -a resume -d 'Let the processes of paused sessions go on'
complete -c keeperctl -n '__keeperctl_at -' -a upgrade -d 'Let live sessions go on under another keeper binary'
complete -c keeperctl -n '__keeperctl_at -' -a watch -d 'Restart sessions when files change'
complete -c keeperctl -n '__keeperctl_at -' -a sync -d 'Make the executable files of a directory sessions'
complete -c keeperctl -n '__keeperctl_at -' -a call -d 'Ask a session by JSON-RPC and print the answer'
complete -c keeperctl -n '__keeperctl_at -' -a turn -d 'Have one turn of a conversation with an agent'
complete -c keeperctl -n '__keeperctl_at -' -a attach -d 'Use a session from this terminal, or by standard input and output'
complete -c keeperctl -n '__keeperctl_at -' -a send-keys -d 'Type at a session\'s terminal'
complete -c keeperctl -n '__keeperctl_at -' -a resize -d 'Change the size of a session\'s terminal'
complete -c keeperctl -n '__keeperctl_at -' -a discover -d 'List live sessions and clear away dead ones'
complete -c keeperctl -n '__keeperctl_at -' -a status -d 'Show the state of a session'
complete -c keeperctl -n '__keeperctl_at -' -a wait -d 'Wait until sessions have ended or are ready'
complete -c keeperctl -n '__keeperctl_at -' -a logs -d 'Print what a session has written'
complete -c keeperctl -n '__keeperctl_at -' -a follow -d 'Tell what sessions write and how they are, as a stream of JSON'
complete -c keeperctl -n '__keeperctl_at -' -a peek -d 'Print the last lines of a session, or what its terminal shows'
complete -c keeperctl -n '__keeperctl_at -' -a stats -d 'Show what sessions use: processor, memory, descriptors, input and output'
complete -c keeperctl -n '__keeperctl_at -' -a top -d 'Watch all sessions in the terminal, and stop or peek into them'
complete -c keeperctl -n '__keeperctl_at -' -a metrics -d 'Print figures of all sessions for Prometheus'
complete -c keeperctl -n '__keeperctl_at -' -a ls -d 'List sessions'
complete -c keeperctl -n '__keeperctl_at -' -a ps -d 'List sessions'
complete -c keeperctl -n '__keeperctl_at -' -a inspect -d 'Print all that is known of sessions, as JSON'
complete -c keeperctl -n '__keeperctl_at -' -a events -d 'Print what happened to sessions'
complete -c keeperctl -n '__keeperctl_at -' -a label -d 'Set or remove labels of a live session'
complete -c keeperctl -n '__keeperctl_at -' -a prune -d 'Remove the files of ended sessions'
complete -c keeperctl -n '__keeperctl_at -' -a exec -d 'Become the keeper of a session that a file describes'
complete -c keeperctl -n '__keeperctl_at -' -a doctor -d 'Look for what could harm sessions'
complete -c keeperctl -n '__keeperctl_at -' -a version -d 'Print the version'
complete -c keeperctl -n '__keeperctl_at -' -a help -d 'Explain a command, or list all of them'

complete -c keeperctl -n 'not __keeperctl_in_child' -l sessions-dir -x -a '(__fish_complete_directories)' -d 'Keep sessions in DIR'
complete -c keeperctl -n 'not __keeperctl_in_child' -s h -l help -d 'Show this help and exit'
complete -c keeperctl -n 'not __keeperctl_in_child' -l version -d 'Print the version and exit'

complete -c keeperctl -n '__keeperctl_at spawn' -l wait -x -a 'started ready none' -d 'Return when the command runs, when it is ready, or at once'
complete -c keeperctl -n '__keeperctl_at spawn' -l timeout -x -d 'Stop waiting after this time'
complete -c keeperctl -n '__keeperctl_at spawn' -l env -x -a '(set -xn)=' -d 'Set a variable for the command'
complete -c keeperctl -n '__keeperctl_at spawn' -l env-file -r -F -d 'Set variables from FILE, a NAME=VALUE on each line, no quoting, # comments; --env wins'
complete -c keeperctl -n '__keeperctl_at spawn' -l clear-env -d 'Start from an empty environment'
complete -c keeperctl -n '__keeperctl_at spawn' -l cwd -x -a '(__fish_complete_directories)' -d 'Run the command in DIR'
complete -c keeperctl -n '__keeperctl_at spawn' -l label -x -a '(__keeperctl_labels)' -d 'Label the session'
complete -c keeperctl -n '__keeperctl_at spawn' -l rm -d 'Remove all files of the session when it ends'
complete -c keeperctl -n '__keeperctl_at spawn' -l limit -x -d 'Set a limit of the kernel for the command, such as NOFILE=1024 or CORE=unlimited'
complete -c keeperctl -n '__keeperctl_at spawn' -s t -l tty -d 'Run the command in a terminal of its own'
complete -c keeperctl -n '__keeperctl_at spawn' -l size -x -d 'Make that terminal this large; implies --tty'
complete -c keeperctl -n '__keeperctl_at spawn' -l restart -x -a 'no on-failure always' -d 'Start the command again when it ends, once it has been ready'
complete -c keeperctl -n '__keeperctl_at spawn' -l restart-limit -x -d 'Give up after N restarts in DURATION, such as 10/10m'
complete -c keeperctl -n '__keeperctl_at spawn' -l ready -x -a 'delay:300ms output output: notify fd:3 line:' -d 'The command is ready after delay:DURATION, its first output, output:TEXT, notify (READY=1 to $NOTIFY_SOCKET), a newline on fd:N, or an answer to line:TEXT'
complete -c keeperctl -n '__keeperctl_at spawn' -l start-timeout -x -d 'End a command that is not ready by then'
complete -c keeperctl -n '__keeperctl_at spawn' -l watchdog -x -d 'End a command that does not send WATCHDOG=1 to $NOTIFY_SOCKET this often'
complete -c keeperctl -n '__keeperctl_at spawn' -l max-runtime -x -d 'End a command that has run this long'
complete -c keeperctl -n '__keeperctl_at spawn' -l idle-timeout -x -d 'End a command that has had no input and no output for this long'
complete -c keeperctl -n '__keeperctl_at spawn' -l silence-timeout -x -d 'End a command that has written nothing for this long after input'
complete -c keeperctl -n '__keeperctl_at spawn' -l memory-max -x -d 'End the session when all its processes together hold more'
complete -c keeperctl -n '__keeperctl_at spawn' -l memory-warn -x -d 'Record an event when they hold more three times in a row, 5s apart'
complete -c keeperctl -n '__keeperctl_at spawn' -l cpu-warn -x -d 'Record an event when they use more of one core three times in a row, 5s apart'
complete -c keeperctl -n '__keeperctl_at spawn' -l stop-steps -x -d 'How the command is ended: signals, and eof for the end of its input, and how long each is given'
complete -c keeperctl -n '__keeperctl_at spawn' -l kill -x -a 'group tree process' -d 'Which processes signals go to: the command\'s process group, all its descendants, or it alone'
complete -c keeperctl -n '__keeperctl_at spawn' -l leftovers -x -a 'end leave' -d 'What to do with processes that the command started and left behind'
complete -c keeperctl -n '__keeperctl_at spawn' -l journal-size -x -d 'Keep this much of each output stream; at least 64K'
complete -c keeperctl -n '__keeperctl_at spawn' -l no-journal -d 'Discard the output'
complete -c keeperctl -n '__keeperctl_at spawn' -l merge-stderr -d 'Write stderr to the journal of stdout, in the order the command wrote them'
complete -c keeperctl -n '__keeperctl_at spawn' -l max-line -x -d 'Refuse longer lines'
complete -c keeperctl -n '__keeperctl_at spawn' -l max-pending -x -d 'Bound what unfinished lines of all writers may take up'
complete -c keeperctl -n '__keeperctl_at spawn' -l isolate -x -a 'auto none systemd' -d 'Start the session in a systemd unit of its own, so that it doesn\'t end with its caller\'s'
complete -c keeperctl -n '__keeperctl_at spawn' -l cpu-quota -x -d 'Let the unit use this much of one CPU'
complete -c keeperctl -n '__keeperctl_at spawn' -l tasks-max -x -d 'Let the unit have up to N processes and threads'
complete -c keeperctl -n '__keeperctl_at spawn' -l property -x -d 'Set a property of the unit, as systemd-run does'

complete -c keeperctl -n '__keeperctl_at run' -l json -d 'Print output, exit and duration at the end, as one object (see keeper-sessions(5))'
complete -c keeperctl -n '__keeperctl_at run' -l timeout -x -d 'End all that was started after this time'
complete -c keeperctl -n '__keeperctl_at run' -l watch -r -F -d 'Restart the command when a file at or below PATH changes'
complete -c keeperctl -n '__keeperctl_at run' -l detach-keys -x -d 'Leave when these are typed: letters or ctrl-LETTER, with commas between, or none'
complete -c keeperctl -n '__keeperctl_at run' -l env -x -a '(set -xn)=' -d 'Set a variable for the command'
complete -c keeperctl -n '__keeperctl_at run' -l env-file -r -F -d 'Set variables from FILE, a NAME=VALUE on each line, no quoting, # comments; --env wins'
complete -c keeperctl -n '__keeperctl_at run' -l clear-env -d 'Start from an empty environment'
complete -c keeperctl -n '__keeperctl_at run' -l cwd -x -a '(__fish_complete_directories)' -d 'Run the command in DIR'
complete -c keeperctl -n '__keeperctl_at run' -l label -x -a '(__keeperctl_labels)' -d 'Label the session'
complete -c keeperctl -n '__keeperctl_at run' -l rm -d 'Remove all files of the session when it ends'
complete -c keeperctl -n '__keeperctl_at run' -l limit -x -d 'Set a limit of the kernel for the command, such as NOFILE=1024 or CORE=unlimited'
complete -c keeperctl -n '__keeperctl_at run' -s t -l tty -d 'Run the command in a terminal of its own'
complete -c keeperctl -n '__keeperctl_at run' -l size -x -d 'Make that terminal this large; implies --tty'
complete -c keeperctl -n '__keeperctl_at run' -l restart -x -a 'no on-failure always' -d 'Start the command again when it ends, once it has been ready'
complete -c keeperctl -n '__keeperctl_at run' -l restart-limit -x -d 'Give up after N restarts in DURATION, such as 10/10m'
complete -c keeperctl -n '__keeperctl_at run' -l ready -x -a 'delay:300ms output output: notify fd:3 line:' -d 'The command is ready after delay:DURATION, its first output, output:TEXT, notify (READY=1 to $NOTIFY_SOCKET), a newline on fd:N, or an answer to line:TEXT'
complete -c keeperctl -n '__keeperctl_at run' -l start-timeout -x -d 'End a command that is not ready by then'
complete -c keeperctl -n '__keeperctl_at run' -l watchdog -x -d 'End a command that does not send WATCHDOG=1 to $NOTIFY_SOCKET this often'
complete -c keeperctl -n '__keeperctl_at run' -l max-runtime -x -d 'End a command that has run this long'
complete -c keeperctl -n '__keeperctl_at run' -l idle-timeout -x -d 'End a command that has had no input and no output for this long'
complete -c keeperctl -n '__keeperctl_at run' -l silence-timeout -x -d 'End a command that has written nothing for this long after input'
complete -c keeperctl -n '__keeperctl_at run' -l memory-max -x -d 'End the session when all its processes together hold more'
complete -c keeperctl -n '__keeperctl_at run' -l memory-warn -x -d 'Record an event when they hold more three times in a row, 5s apart'
complete -c keeperctl -n '__keeperctl_at run' -l cpu-warn -x -d 'Record an event when they use more of one core three times in a row, 5s apart'
complete -c keeperctl -n '__keeperctl_at run' -l stop-steps -x -d 'How the command is ended: signals, and eof for the end of its input, and how long each is given'
complete -c keeperctl -n '__keeperctl_at run' -l kill -x -a 'group tree process' -d 'Which processes signals go to: the command\'s process group, all its descendants, or it alone'
complete -c keeperctl -n '__keeperctl_at run' -l leftovers -x -a 'end leave' -d 'What to do with processes that the command started and left behind'
complete -c keeperctl -n '__keeperctl_at run' -l journal-size -x -d 'Keep this much of each output stream; at least 64K'
complete -c keeperctl -n '__keeperctl_at run' -l no-journal -d 'Discard the output'
complete -c keeperctl -n '__keeperctl_at run' -l merge-stderr -d 'Write stderr to the journal of stdout, in the order the command wrote them'
complete -c keeperctl -n '__keeperctl_at run' -l max-line -x -d 'Refuse longer lines'
complete -c keeperctl -n '__keeperctl_at run' -l max-pending -x -d 'Bound what unfinished lines of all writers may take up'
complete -c keeperctl -n '__keeperctl_at run' -l isolate -x -a 'auto none systemd' -d 'Start the session in a systemd unit of its own, so that it doesn\'t end with its caller\'s'
complete -c keeperctl -n '__keeperctl_at run' -l cpu-quota -x -d 'Let the unit use this much of one CPU'
complete -c keeperctl -n '__keeperctl_at run' -l tasks-max -x -d 'Let the unit have up to N processes and threads'
complete -c keeperctl -n '__keeperctl_at run' -l property -x -d 'Set a property of the unit, as systemd-run does'

complete -c keeperctl -n '__keeperctl_at write' -l attempts -x -d 'Try this often to connect; what may have been taken is never sent twice'
complete -c keeperctl -n '__keeperctl_at write' -l timeout -x -d 'Stop waiting for the receipt after this time'
complete -c keeperctl -n '__keeperctl_at write' -l no-receipt -d 'Return when the lines are sent, not delivered'
complete -c keeperctl -n '__keeperctl_at write' -l key -x -d 'Send one line, unless one with this key is among the last 1,024 that the session took'
complete -c keeperctl -n '__keeperctl_at write 0' -x -a '(__keeperctl_sessions keeperctl discover --quiet --no-reap)'

complete -c keeperctl -n '__keeperctl_at eof 0' -x -a '(__keeperctl_sessions keeperctl discover --quiet --no-reap)'

complete -c keeperctl -n '__keeperctl_at kill' -l all -d 'End every session'
complete -c keeperctl -n '__keeperctl_at kill' -l grace -x -d 'Wait this long after each step'
complete -c keeperctl -n '__keeperctl_at kill' -l now -d 'Send KILL at once'
complete -c keeperctl -n '__keeperctl_at kill' -s s -l signal -x -a 'HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS' -d 'Only send this signal, and don\'t wait'
complete -c keeperctl -n '__keeperctl_at kill' -l timeout -x -d 'Stop waiting for the end after this time'
complete -c keeperctl -n '__keeperctl_at kill 0 more' -x -a '(__keeperctl_sessions keeperctl discover --quiet --no-reap)'

complete -c keeperctl -n '__keeperctl_at restart' -l timeout -x -d 'Stop waiting after this time; what was asked for goes on'
complete -c keeperctl -n '__keeperctl_at restart 0 more' -x -a '(__keeperctl_sessions keeperctl ls --all --quiet)'

complete -c keeperctl -n '__keeperctl_at pause' -l timeout -x -d 'Stop waiting after this time; what was asked for goes on'
complete -c keeperctl -n '__keeperctl_at pause 0 more' -x -a '(__keeperctl_sessions keeperctl ls --all --quiet)'

complete -c keeperctl -n '__keeperctl_at resume' -l timeout -x -d 'Stop waiting after this time; what was asked for goes on'
complete -c keeperctl -n '__keeperctl_at resume 0 more' -x -a '(__keeperctl_sessions keeperctl ls --all --quiet)'

complete -c keeperctl -n '__keeperctl_at upgrade' -l all -d 'Upgrade every live session'
complete -c keeperctl -n '__keeperctl_at upgrade' -l path -r -F -d 'Go on as this keeper'
complete -c keeperctl -n '__keeperctl_at upgrade' -l timeout -x -d 'Stop waiting after this time; what was asked for goes on'
complete -c keeperctl -n '__keeperctl_at upgrade 0 more' -x -a '(__keeperctl_sessions keeperctl ls --all --quiet)'

complete -c keeperctl -n '__keeperctl_at watch' -l include -x -d 'Only files that match, or another such GLOB'
complete -c keeperctl -n '__keeperctl_at watch' -l exclude -x -d 'No files or directories that match'
complete -c keeperctl -n '__keeperctl_at watch' -l no-default-excludes -d 'Leave out nothing else'
complete -c keeperctl -n '__keeperctl_at watch' -l debounce -x -d 'Wait until nothing has changed for this long'
complete -c keeperctl -n '__keeperctl_at watch' -l json -d 'Print JSON, one object per line'

complete -c keeperctl -n '__keeperctl_at sync' -l watch -d 'Go on, and do it again whenever DIR changes'
complete -c keeperctl -n '__keeperctl_at sync' -l debounce -x -d 'Wait until nothing has changed for this long'
complete -c keeperctl -n '__keeperctl_at sync' -l dry-run -d 'Print what would be done, and do nothing'
complete -c keeperctl -n '__keeperctl_at sync' -l json -d 'Print JSON, one object per line'
complete -c keeperctl -n '__keeperctl_at sync 0' -r -F

complete -c keeperctl -n '__keeperctl_at call' -l raw -x -d 'Send this message'
complete -c keeperctl -n '__keeperctl_at call' -l batch -d 'Send the messages on standard input, one on each line, as they come; print whole answers as they come'
complete -c keeperctl -n '__keeperctl_at call' -l timeout -x -d 'Give up when there is no answer after this time, or no room for the request'
complete -c keeperctl -n '__keeperctl_at call' -l progress -x -d 'Wait 60s from each notification of this name on, if that is longer'
complete -c keeperctl -n '__keeperctl_at call' -l max-timeout -x -d 'But never longer than this'
complete -c keeperctl -n '__keeperctl_at call' -l full -d 'Print the whole answer, also if it is an error'
complete -c keeperctl -n '__keeperctl_at call' -l notifications -d 'Print what else the session says meanwhile, as JSON on stderr'
complete -c keeperctl -n '__keeperctl_at call 0' -x -a '(__keeperctl_sessions keeperctl discover --quiet --no-reap)'

complete -c keeperctl -n '__keeperctl_at turn' -l protocol -x -a 'stream-json codex lines' -d 'What the agent speaks'
complete -c keeperctl -n '__keeperctl_at turn' -l until -x -d 'With lines: the line that ends the turn, or a prompt at the end without line feed'
complete -c keeperctl -n '__keeperctl_at turn' -l json -d 'Print JSON, one object per line'
complete -c keeperctl -n '__keeperctl_at turn' -l wait -d 'Wait while somebody else has a turn'
complete -c keeperctl -n '__keeperctl_at turn' -l echo-timeout -x -d 'Give up when there is no output at all after this time'
complete -c keeperctl -n '__keeperctl_at turn' -l silence-timeout -x -d 'Give up when there is no more output for this time'
complete -c keeperctl -n '__keeperctl_at turn 0' -x -a '(__keeperctl_sessions keeperctl discover --quiet --no-reap)'

complete -c keeperctl -n '__keeperctl_at attach' -l read-only -d 'Only look: send nothing, and leave the size as it is'
complete -c keeperctl -n '__keeperctl_at attach' -l detach-keys -x -d 'Leave when these are typed: letters or ctrl-LETTER, with commas between, or none'
complete -c keeperctl -n '__keeperctl_at attach 0' -x -a '(__keeperctl_sessions keeperctl ls --all --quiet)'

complete -c keeperctl -n '__keeperctl_at send-keys' -s l -l literal -d 'Type everything as it is: no names of keys'
complete -c keeperctl -n '__keeperctl_at send-keys 0' -x -a '(__keeperctl_sessions keeperctl ls --all --quiet)'

complete -c keeperctl -n '__keeperctl_at resize 0' -x -a '(__keeperctl_sessions keeperctl ls --all --quiet)'

complete -c keeperctl -n '__keeperctl_at discover' -l json -d 'Print JSON, one object per line'
complete -c keeperctl -n '__keeperctl_at discover' -s q -l quiet -d 'Print only IDs'
complete -c keeperctl -n '__keeperctl_at discover' -l no-reap -d 'Only look: end nothing and remove nothing'

complete -c keeperctl -n '__keeperctl_at status' -l json -d 'Print JSON, one object per line'
complete -c keeperctl -n '__keeperctl_at status 0' -x -a '(__keeperctl_sessions keeperctl ls --all --quiet)'

complete -c keeperctl -n '__keeperctl_at wait' -l for -x -a 'exit ready' -d 'What to wait for'
complete -c keeperctl -n '__keeperctl_at wait' -l timeout -x -d 'Stop waiting after this time'
complete -c keeperctl -n '__keeperctl_at wait 0 more' -x -a '(__keeperctl_sessions keeperctl ls --all --quiet)'

complete -c keeperctl -n '__keeperctl_at logs' -s f -l follow -d 'Go on with new output until the session ends'
complete -c keeperctl -n '__keeperctl_at logs' -l stderr -d 'Print stderr instead of stdout'
complete -c keeperctl -n '__keeperctl_at logs' -l all -d 'Print both, merged by time'
complete -c keeperctl -n '__keeperctl_at logs' -l json -d 'Print stream events, of both streams unless --stderr is given'
complete -c keeperctl -n '__keeperctl_at logs' -s t -l timestamps -d 'Begin each line with its time'
complete -c keeperctl -n '__keeperctl_at logs' -l previous -d 'Print the output of the session before this one under the ID'
complete -c keeperctl -n '__keeperctl_at logs' -s n -l tail -x -d 'Only the last N lines'
complete -c keeperctl -n '__keeperctl_at logs' -l since -x -d 'Only lines of this time or later: 10m (ago) or 2026-01-31T12:00:00Z'
complete -c keeperctl -n '__keeperctl_at logs' -l until -x -d 'Only lines of this time or before'
complete -c keeperctl -n '__keeperctl_at logs' -l from -x -d 'Start at this byte of the stream, or at a cursor INSTANCE:STDOUT:STDERR'
complete -c keeperctl -n '__keeperctl_at logs 0 more' -x -a '(__keeperctl_sessions keeperctl ls --all --quiet)'

complete -c keeperctl -n '__keeperctl_at follow' -l all -d 'Follow all live sessions, and those to come'
complete -c keeperctl -n '__keeperctl_at follow' -l label -x -a '(__keeperctl_labels)' -d 'Follow sessions that have this label, or get it'
complete -c keeperctl -n '__keeperctl_at follow' -l from -x -d 'Start at \'oldest\', at \'now\', or behind the event that had this cursor: CURSOR, or ID=CURSOR of one session among several'
complete -c keeperctl -n '__keeperctl_at follow' -l metrics -x -d 'Tell what the sessions use, this often'
complete -c keeperctl -n '__keeperctl_at follow 0 more' -x -a '(__keeperctl_sessions keeperctl ls --all --quiet)'

complete -c keeperctl -n '__keeperctl_at peek' -s n -l lines -x -d 'Print this many; of a terminal, the last of those on the screen'
complete -c keeperctl -n '__keeperctl_at peek 0' -x -a '(__keeperctl_sessions keeperctl ls --all --quiet)'

complete -c keeperctl -n '__keeperctl_at stats' -l json -d 'Print JSON, one object per line'
complete -c keeperctl -n '__keeperctl_at stats' -l no-stream -d 'Print once instead of every second'
complete -c keeperctl -n '__keeperctl_at stats 0 more' -x -a '(__keeperctl_sessions keeperctl discover --quiet --no-reap)'



complete -c keeperctl -n '__keeperctl_at ls' -s a -l all -d 'List ended sessions too'
complete -c keeperctl -n '__keeperctl_at ls' -l filter -x -a 'state=starting state=running state=paused state=backoff state=stopping state=exited state=failed state=stuck state=lost' -d 'List those with this state=STATE, or label=NAME or label=NAME=VALUE'
complete -c keeperctl -n '__keeperctl_at ls' -l label -x -a '(__keeperctl_labels)' -d 'List those with this label'
complete -c keeperctl -n '__keeperctl_at ls' -l json -d 'Print JSON, one object per line'
complete -c keeperctl -n '__keeperctl_at ls' -l no-trunc -d 'Print whole commands, however wide the table'
complete -c keeperctl -n '__keeperctl_at ls' -s q -l quiet -d 'Print only IDs'
complete -c keeperctl -n '__keeperctl_at ls' -l sort -x -a 'name age state size' -d 'Order: by name, youngest first, by state, or largest output first'
complete -c keeperctl -n '__keeperctl_at ls' -l watch -d 'Show the table again whenever it changes'

complete -c keeperctl -n '__keeperctl_at inspect 0 more' -x -a '(__keeperctl_sessions keeperctl ls --all --quiet)'

complete -c keeperctl -n '__keeperctl_at events' -s f -l follow -d 'Go on with what happens, also to later sessions'
complete -c keeperctl -n '__keeperctl_at events' -l since -x -d 'Only what happened since: 10m ago, or an RFC 3339 time'
complete -c keeperctl -n '__keeperctl_at events' -l json -d 'Print JSON, one object per line'
complete -c keeperctl -n '__keeperctl_at events 0 more' -x -a '(__keeperctl_sessions keeperctl ls --all --quiet)'

complete -c keeperctl -n '__keeperctl_at label 0' -x -a '(__keeperctl_sessions keeperctl discover --quiet --no-reap)'
complete -c keeperctl -n '__keeperctl_at label 1 more' -x -a '(__keeperctl_labels)'

complete -c keeperctl -n '__keeperctl_at prune' -l older -x -d 'Only those that ended longer ago than this'
complete -c keeperctl -n '__keeperctl_at prune' -l keep -x -d 'Keep this many of those that ended last'
complete -c keeperctl -n '__keeperctl_at prune' -l dry-run -d 'Print what would be removed, and remove nothing'

complete -c keeperctl -n '__keeperctl_at exec' -l config -r -F -d 'Take the options from FILE'
complete -c keeperctl -n '__keeperctl_at exec' -l resilient -d 'Let the manager keep what is open, so that a keeper that is killed is followed by one that goes on with the session: for keeper-resilient@ID.service'
complete -c keeperctl -n '__keeperctl_at exec 0' -x -a '(__keeperctl_sessions keeperctl ls --all --quiet)'

complete -c keeperctl -n '__keeperctl_at doctor' -l json -d 'Print JSON, one object per line'


complete -c keeperctl -n '__keeperctl_at help 0' -x -a 'spawn run write eof kill restart pause resume upgrade watch sync call turn attach send-keys resize discover status wait logs follow peek stats top metrics ls inspect events label prune exec doctor version help'

complete -c keeperctl -n __keeperctl_in_child -a '(__keeperctl_child)'
