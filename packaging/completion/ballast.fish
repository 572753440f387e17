# What fish completes for ballast. Made by: ballast completion fish

function __ballast_complete
    set -l words (commandline -opc)
    set -l typed (commandline -ct)
    for answer in (command ballast __complete fish $words[2..-1] $typed 2>/dev/null </dev/null)
        if not string match -qr '^:(none|files|directories)' -- $answer
            echo $answer
            continue
        end
        set -l part (string split -m 1 ' ' -- $answer)
        set -l before $part[2]
        set -l path (string sub -s (math (string length -- "$before") + 1) -- "$typed")
        switch $part[1]
            case ':files'
                __fish_complete_path "$path" | string replace -r '^' -- (string replace -a '\\' '\\\\' -- "$before" | string replace -a '$' '\\$')
            case ':directories'
                __fish_complete_directories "$path" '' | string replace -r '^' -- (string replace -a '\\' '\\\\' -- "$before" | string replace -a '$' '\\$')
        end
    end
end

complete -c ballast -e
complete -c ballast -f -a '(__ballast_complete)'
