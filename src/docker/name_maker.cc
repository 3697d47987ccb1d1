#include "docker/name_maker.h"

#include <array>
#include <string_view>

namespace reigen::docker {

namespace {

constexpr std::array<std::string_view, 64> kAdjectives = {
    "agile",  "amber",  "ample",   "ardent", "bright", "brisk",   "calm",   "candid", "cheery", "clear",  "clever", "crisp",  "daring",
    "deft",   "eager",  "earnest", "easy",   "fair",   "fleet",   "fluent", "fond",   "frank",  "gentle", "glad",   "golden", "graceful",
    "grand",  "hardy",  "hearty",  "honest", "humble", "jolly",   "keen",   "kind",   "lively", "loyal",  "lucid",  "mellow", "merry",
    "mild",   "modest", "neat",    "nimble", "noble",  "patient", "placid", "polite", "proud",  "quick",  "quiet",  "rapid",  "ready",
    "serene", "sharp",  "silent",  "spry",   "steady", "sturdy",  "sunny",  "swift",  "tender", "vivid",  "warm",   "witty",
};
constexpr std::array<std::string_view, 64> kSurnames = {
    "abel",     "agnesi",  "ampere",   "astaire", "bausch",  "bernoulli", "bohr",      "boole",    "cauchy",  "celsius", "charisse", "clausius",  "cunningham",
    "dalton",   "dirac",   "duncan",   "erdos",   "euler",   "faraday",   "fermat",    "fonteyn",  "fourier", "franck",  "frege",    "galois",    "gauss",
    "gibbs",    "graham",  "hamilton", "haydn",   "hertz",   "hilbert",   "horner",    "huygens",  "joule",   "kelly",   "kepler",   "kirchhoff", "laban",
    "lagrange", "laplace", "leibniz",  "lifar",   "limon",   "lovell",    "maxwell",   "nijinsky", "noether", "nureyev", "ohm",      "pascal",    "pavlova",
    "petipa",   "planck",  "poincare", "rameau",  "riemann", "rogers",    "sylvester", "taglioni", "ulanova", "volta",   "weber",    "wigman",
};

}  // namespace

std::string make_name(Random& random, int attempt) {
  std::string out(kAdjectives[random.below(kAdjectives.size())]);
  out += '_';
  out += kSurnames[random.below(kSurnames.size())];
  if (attempt > 0) out += static_cast<char>('0' + random.below(10));
  return out;
}

}  // namespace reigen::docker
