// The man page. See describe.h.
#include <sstream>

#include "bridge/cli/describe.h"

namespace clawbridge::cli {
namespace {

/// Plain text for roff: nothing in it is a request or an escape.
std::string roff(const std::string& text) {
  std::string out;
  bool line_begins = true;
  for (const char c : text) {
    if (line_begins && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
    }
    line_begins = c == '\n';
  }
  return out;
}

std::string words_of_list(const std::vector<std::string>& words, const char* between) {
  std::string all;
  for (const auto& word : words) all += (all.empty() ? "" : between) + word;
  return all;
}

void write_option(std::ostream& out, const OptionDescription& option) {
  out << ".TP\n";
  const std::string value = option.value.empty() ? "" : "\\fI" + roff(option.value) + "\\fR";
  out << (option.names.empty()
              ? value
              : "\\fB" + roff(words_of_list(option.names, ", ")) + "\\fR" + (value.empty() ? "" : " " + value))
      << "\n";
  out << roff(option.about);
  if (!option.choices.empty()) out << " (" << roff(words_of_list(option.choices, ", ")) << ")";
  out << "\n";
}

std::string synopsis(const CommandDescription& command) {
  std::string text;
  for (const auto& option : command.options) {
    if (option.names.empty())
      text += option.required ? " \\fI" + roff(option.value) + "\\fR" : " [\\fI" + roff(option.value) + "\\fR]";
  }
  return text;
}

void write_text(std::ostream& out, const std::string& text) {
  if (!text.empty()) out << ".PP\n.nf\n" << roff(text) << "\n.fi\n";
}

void write_commands(std::ostream& out, const CommandDescription& parent, const std::string& path) {
  for (const auto& command : parent.commands) {
    const std::string name = path.empty() ? command.name : path + " " + command.name;
    if (!command.commands.empty()) {
      write_commands(out, command, name);
      continue;
    }
    out << ".SS \"clawbridge " << roff(name) << "\"\n"
        << ".B clawbridge " << roff(name) << "\n"
        << synopsis(command) << "\n.PP\n"
        << roff(command.about) << ".\n";
    for (const auto& option : command.options) {
      if (option.names.empty() || option.names.back() != "--help") write_option(out, option);
    }
    write_text(out, command.footer);
  }
}

}  // namespace

std::string manual_page(const CommandDescription& program, const std::string& version) {
  std::ostringstream out;
  out << ".\\\" Made by `clawbridge manual`.\n.TH CLAWBRIDGE 1 \"\" \"clawbridge " << roff(version)
      << "\" \"User commands\"\n"
      << ".SH NAME\nclawbridge \\- messages between the agents of different gateways, over an MQTT broker\n"
      << ".SH SYNOPSIS\n.B clawbridge\n[\\fIOPTION\\fR...] \\fICOMMAND\\fR [\\fIARGUMENT\\fR...]\n"
      << ".SH DESCRIPTION\n"
      << roff(program.about) << "\n.SH OPTIONS\n";
  for (const auto& option : program.options) write_option(out, option);
  out << ".SH COMMANDS\nEach takes the options above, too.\n";
  write_commands(out, program, "");
  out << ".SH \"EXAMPLES AND EXIT CODES\"\n";
  write_text(out, program.footer);
  out << ".SH FILES\n"
      << ".TP\n.I ~/.config/clawbridge/clawbridge.yaml\nthe settings; every key: \\fBclawbridge config reference\\fR\n"
      << ".TP\n.I ~/.local/state/clawbridge/\nthe journal and the keys\n"
      << ".TP\n.I /etc/clawbridge/clawbridge.yaml, /var/lib/clawbridge/\nthe same of the service for the whole "
         "machine\n"
      << ".TP\n.I /etc/default/clawbridge\nvariables for that service\n"
      << ".SH \"SEE ALSO\"\nmosquitto(8), systemctl(1)\n";
  return out.str();
}

}  // namespace clawbridge::cli
