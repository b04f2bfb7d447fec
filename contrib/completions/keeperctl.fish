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
