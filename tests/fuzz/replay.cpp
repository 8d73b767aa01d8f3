// Runs one fuzz target over files instead of libFuzzer: its corpus in the normal tests, or a single finding by hand.
//
//   fuzz_topic FOLDER|FILE…
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

namespace fs = std::filesystem;

std::vector<fs::path> inputs_of(const fs::path& given) {
  if (!fs::is_directory(given)) return {given};
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(given)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

// False when the file cannot be read.
bool replay(const fs::path& path) {
  std::fprintf(stderr, "%s\n", path.c_str());  // the last one named is the one that failed
  std::ifstream file(path, std::ios::binary);
  if (!file || !fs::is_regular_file(path)) return false;
  const std::vector<char> bytes(std::istreambuf_iterator<char>(file), {});
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t count = 0;
  for (int i = 1; i < argc; ++i) {
    const auto inputs = inputs_of(argv[i]);
    if (inputs.empty() || !std::all_of(inputs.begin(), inputs.end(), replay)) {
      std::fprintf(stderr, "no input, or one that cannot be read, in %s\n", argv[i]);
      return 1;
    }
    count += inputs.size();
  }
  std::fprintf(stderr, "%zu inputs\n", count);
  return count == 0 ? 1 : 0;
}
