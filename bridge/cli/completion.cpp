// Completion for bash, zsh and fish: commands, options, the choices of a value, and files where a value is one. See
// describe.h.
#include <functional>
#include <sstream>

#include "bridge/cli/describe.h"

namespace clawbridge::cli {
namespace {

bool is_file(const OptionDescription& option) {
  return option.value == "FILE" || option.value == "PATH";
}
bool is_folder(const OptionDescription& option) {
  return option.value == "DIR";
}

/// Every command with the words that lead to it, parents first: `exchange show`; the program itself has none.
void for_each_command(const CommandDescription& command, const std::string& path,
                      const std::function<void(const CommandDescription&, const std::string&)>& act) {
  act(command, path);
  for (const auto& child : command.commands)
    for_each_command(child, path.empty() ? child.name : path + " " + child.name, act);
}

std::string in_single_quotes(const std::string& text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c;
    }
  }
  return out + "'";
}

/// The words that may follow at a place: commands below it, its options and those of the program.
std::vector<std::string> words_at(const CommandDescription& program, const CommandDescription& command) {
  std::vector<std::string> words;
  for (const auto& child : command.commands) words.push_back(child.name);
  for (const auto* from : {&command, &program}) {
    for (const auto& option : from->options) {
      for (const auto& name : option.names) {
        if (from == &program && from != &command && (name == "--version" || name == "--help" || name == "-h")) continue;
        words.push_back(name);
      }
    }
    if (&command == &program) break;
  }
  return words;
}

std::string bash_script(const CommandDescription& program) {
  std::ostringstream out;
  out << "# bash completion for clawbridge, made by `clawbridge completion bash`.\n"
         "_clawbridge() {\n"
         "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} path='' i\n"
         "  COMPREPLY=()\n"
         "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
         "    case \"$path ${COMP_WORDS[i]}\" in\n";
  for_each_command(program, "", [&](const CommandDescription&, const std::string& path) {
    if (!path.empty())
      out << "      " << in_single_quotes(" " + path) << ") path=" << in_single_quotes(" " + path) << " ;;\n";
  });
  out << "    esac\n  done\n"
         "  case \"$path $before\" in\n";
  for_each_command(program, "", [&](const CommandDescription& command, const std::string& path) {
    for (const auto& option : command.options) {
      for (const auto& name : option.names) {
        if (option.value.empty()) continue;
        // An option of the program may stand behind any command.
        const std::string pattern =
            path.empty() ? "*" + in_single_quotes(" " + name) : in_single_quotes(" " + path + " " + name);
        out << "    " << pattern << ") ";
        if (!option.choices.empty()) {
          out << "mapfile -t COMPREPLY < <(compgen -W " << in_single_quotes([&] {
            std::string list;
            for (const auto& choice : option.choices) list += (list.empty() ? "" : " ") + choice;
            return list;
          }()) << " -- \"$word\"); ";
        } else if (is_file(option)) {
          out << "mapfile -t COMPREPLY < <(compgen -f -- \"$word\"); compopt -o filenames 2>/dev/null; ";
        } else if (is_folder(option)) {
          out << "mapfile -t COMPREPLY < <(compgen -d -- \"$word\"); compopt -o filenames 2>/dev/null; ";
        }
        out << "return ;;\n";
      }
    }
  });
  out << "  esac\n"
         "  case \"$path\" in\n";
  for_each_command(program, "", [&](const CommandDescription& command, const std::string& path) {
    std::string list;
    for (const auto& word : words_at(program, command)) list += (list.empty() ? "" : " ") + word;
    out << "    " << in_single_quotes(path.empty() ? "" : " " + path) << ") mapfile -t COMPREPLY < <(compgen -W "
        << in_single_quotes(list) << " -- \"$word\") ;;\n";
  });
  out << "  esac\n}\ncomplete -F _clawbridge clawbridge\n";
  return out.str();
}

/// For _arguments: brackets and colons are its own.
std::string zsh_text(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string zsh_function(const std::string& path) {
  std::string name = "_clawbridge";
  for (const char c : path.empty() ? "" : " " + path) name += c == ' ' || c == '-' ? '_' : c;
  return name;
}

void write_zsh_options(std::ostream& out, const CommandDescription& command) {
  for (const auto& option : command.options) {
    for (const auto& name : option.names) {
      std::string spec = name + "[" + zsh_text(option.about) + "]";
      if (!option.value.empty()) {
        spec += ":" + zsh_text(option.value) + ":";
        if (is_file(option)) spec += "_files";
        if (is_folder(option)) spec += "_files -/";
        std::string choices;
        for (const auto& choice : option.choices) choices += (choices.empty() ? "" : " ") + choice;
        if (!choices.empty()) spec += "(" + choices + ")";
      }
      out << " \\\n    " << in_single_quotes(spec);
    }
  }
}

std::string zsh_script(const CommandDescription& program) {
  std::ostringstream out;
  out << "#compdef clawbridge\n# zsh completion for clawbridge, made by `clawbridge completion zsh`.\n";
  for_each_command(program, "", [&](const CommandDescription& command, const std::string& path) {
    out << "\n"
        << zsh_function(path) << "() {\n  local context state state_descr line\n  typeset -A opt_args\n  _arguments -C";
    write_zsh_options(out, command);
    if (!path.empty())
      write_zsh_options(out, {.name = {},
                              .about = {},
                              .footer = {},
                              .options =
                                  [&] {
                                    std::vector<OptionDescription> general;
                                    for (const auto& option : program.options) {
                                      if (!option.value.empty() || option.names.back() == "--json")
                                        general.push_back(option);
                                    }
                                    return general;
                                  }(),
                              .commands = {}});
    if (command.commands.empty()) {
      out << " \\\n    '*:argument:_files'\n}\n";
      return;
    }
    out << " \\\n    '1:command:->command' '*::argument:->argument'\n  case $state in\n    command)\n      local -a "
           "commands=(";
    for (const auto& child : command.commands) out << "\n        " << in_single_quotes(child.name + ":" + child.about);
    out << ")\n      _describe command commands ;;\n    argument)\n      case $line[1] in\n";
    for (const auto& child : command.commands)
      out << "        " << child.name << ") " << zsh_function(path.empty() ? child.name : path + " " + child.name)
          << " ;;\n";
    out << "      esac ;;\n  esac\n}\n";
  });
  out << "\n_clawbridge \"$@\"\n";
  return out.str();
}

std::string fish_script(const CommandDescription& program) {
  std::ostringstream out;
  out << "# fish completion for clawbridge, made by `clawbridge completion fish`.\n"
         "function __clawbridge_at\n"
         "  set -l words (commandline -opc | string match -v -- '-*')\n"
         "  test \"$words[2..]\" = \"$argv\"; or string match -q -- \"$argv *\" \"$words[2..]\"\n"
         "end\n"
         "function __clawbridge_exactly_at\n"
         "  set -l words (commandline -opc | string match -v -- '-*')\n"
         "  test \"$words[2..]\" = \"$argv\"\n"
         "end\n"
         "complete -c clawbridge -f\n";
  for_each_command(program, "", [&](const CommandDescription& command, const std::string& path) {
    for (const auto& child : command.commands) {
      out << "complete -c clawbridge -n " << in_single_quotes("__clawbridge_exactly_at " + path) << " -a " << child.name
          << " -d " << in_single_quotes(child.about) << "\n";
    }
    for (const auto& option : command.options) {
      if (option.names.empty()) continue;
      out << "complete -c clawbridge";
      if (!path.empty()) out << " -n " << in_single_quotes("__clawbridge_at " + path);
      for (const auto& name : option.names)
        out << (name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1));
      if (!option.value.empty()) out << (is_file(option) || is_folder(option) ? " -r -F" : " -x");
      if (!option.choices.empty()) {
        std::string choices;
        for (const auto& choice : option.choices) choices += (choices.empty() ? "" : " ") + choice;
        out << " -a " << in_single_quotes(choices);
      }
      out << " -d " << in_single_quotes(option.about) << "\n";
    }
  });
  return out.str();
}

}  // namespace

std::string completion_script(const CommandDescription& program, const std::string& shell) {
  if (shell == "zsh") return zsh_script(program);
  if (shell == "fish") return fish_script(program);
  return bash_script(program);
}

}  // namespace clawbridge::cli
