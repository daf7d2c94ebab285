// Times native FastJet on packed jets: ours is set against what a C++ user has.
// Takes a file: int64 B, int64 jet_ptr[B + 1], float64 p4[P][4] (px, py, pz, E); prints jets per second of processor
// time, the best of several rounds.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "fastjet/ClusterSequence.hh"

namespace {

template <class T>
std::vector<T> read(std::ifstream& file, std::size_t count) {
  std::vector<T> values(count);
  file.read(reinterpret_cast<char*>(values.data()), count * sizeof(T));
  return values;
}

double seconds(const std::vector<std::int64_t>& ptr, const std::vector<double>& p4,
               const fastjet::JetDefinition& definition) {
  const std::clock_t start = std::clock();
  std::size_t steps = 0;
  for (std::size_t jet = 0; jet + 1 < ptr.size(); ++jet) {
    std::vector<fastjet::PseudoJet> particles;
    particles.reserve(ptr[jet + 1] - ptr[jet]);
    for (std::int64_t i = ptr[jet]; i < ptr[jet + 1]; ++i)
      particles.emplace_back(p4[4 * i], p4[4 * i + 1], p4[4 * i + 2], p4[4 * i + 3]);
    steps += fastjet::ClusterSequence(particles, definition).history().size();
  }
  const double taken = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  return steps ? taken : std::numeric_limits<double>::infinity();
}

}  // namespace

int main(int argc, char** argv) {
  std::ifstream file(argc > 1 ? argv[1] : "", std::ios::binary);
  if (!file) return 1;
  const auto num_jets = read<std::int64_t>(file, 1)[0];
  const auto ptr = read<std::int64_t>(file, num_jets + 1);
  const auto p4 = read<double>(file, 4 * ptr.back());
  fastjet::ClusterSequence::set_fastjet_banner_stream(nullptr);
  const std::pair<const char*, fastjet::JetAlgorithm> algorithms[] = {
      {"kt", fastjet::kt_algorithm},
      {"cambridge_aachen", fastjet::cambridge_algorithm},
      {"anti_kt", fastjet::antikt_algorithm}};
  const std::pair<const char*, fastjet::Strategy> strategies[] = {{"Best", fastjet::Best},
                                                                  {"N2Plain", fastjet::N2Plain}};
  const double beyond_all = 100.0;
  for (const auto& algorithm : algorithms)
    for (const auto& strategy : strategies) {
      const fastjet::JetDefinition definition(algorithm.second, beyond_all, fastjet::E_scheme, strategy.second);
      double best = std::numeric_limits<double>::infinity();
      for (int round = 0; round < 5; ++round) best = std::min(best, seconds(ptr, p4, definition));
      std::printf("fastjet %s %s: %.0f jets/s\n", algorithm.first, strategy.first, num_jets / best);
    }
}
