# What bash (4.4 or newer) completes for ballast. Made by: ballast completion bash

_ballast() {
  local IFS=$' \t\n' line=${COMP_LINE:0:COMP_POINT} gap word cut=
  local -a words=() matches=()

  # Bash cuts words at : and =, which stand in references: what no space separates is one word again.
  for word in "${COMP_WORDS[@]:0:COMP_CWORD+1}"; do
    gap=${line%%[![:space:]]*}
    line=${line#"$gap"}
    [[ $line == "$word"* ]] || word=$line
    line=${line#"$word"}
    if [[ -n $gap || ${#words[@]} -eq 0 ]]; then words+=("$word"); else words[-1]+=$word; fi
  done
  local typed=${words[-1]}

  # What bash would expand is a path that it completes best by itself.
  if [[ ${#words[@]} -lt 2 || $typed == *[\~\$\`\"\'\\]* ]]; then return; fi

  local answer rest=none before=
  while IFS= read -r answer; do
    case $answer in
      :files* | :directories*) rest=${answer%% *} before=${answer#"$rest"} before=${before# } ;;
      :none) ;;
      "$typed"*) matches+=("${answer%%$'\t'*}") ;;
    esac
  done < <(command ballast __complete bash "${words[@]:1}" 2>/dev/null </dev/null)

  if [[ $rest == none ]]; then
    compopt +o default +o bashdefault
  elif [[ ${#matches[@]} -gt 0 || -n $before ]]; then
    # Beside words of other kinds, paths are words too.
    local kind=-f path
    [[ $rest == :directories ]] && kind=-d
    compopt +o default +o bashdefault
    while IFS= read -r path; do
      if [[ -d $path ]]; then path+=/; fi
      matches+=("$before$path")
    done < <(compgen "$kind" -- "${typed#"$before"}")
  elif [[ $rest == :directories ]]; then
    compopt -o plusdirs +o default +o bashdefault
  fi

  # Bash replaces what stands behind the last character at which it cuts, and nothing before it.
  for word in : = @; do
    if [[ $COMP_WORDBREAKS == *"$word"* && $typed == *"$word"* ]]; then
      word=${typed%"${typed##*"$word"}"}
      if [[ ${#word} -gt ${#cut} ]]; then cut=$word; fi
    fi
  done
  COMPREPLY=()
  for word in "${matches[@]}"; do
    printf -v word %q "${word:${#cut}}"
    COMPREPLY+=("$word")
  done
  if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[:/=] ]]; then compopt -o nospace; fi
}

complete -o default -o bashdefault -o nosort -F _ballast ballast
