// The load generator of ./dev bench, one for all targets; also prints the rows
// that its answers are compared with.
#include <CLI/CLI.hpp>

#include "bench/load/rows.h"
#include "bench/load/run.h"

int main(int argc, char** argv) {
  CLI::App app("Load on a shop.v1.ProductStore whose every answer is checked");
  app.require_subcommand(1);

  CLI::App* rows = app.add_subcommand("rows", "Print what the database holds");
  std::string table;
  rows->add_option("TABLE", table, "categories or products for COPY; variables for pgbench")
      ->required()
      ->check(CLI::IsMember({"categories", "products", "variables"}));

  CLI::App* load = app.add_subcommand("run", "Call a server and print what was measured");
  storegate::bench::RunOptions options;
  load->add_option("--target", options.target, "HOST:PORT")->required();
  load->add_option("--scenario", options.scenario, "What to call")
      ->required()
      ->check(CLI::IsMember({"get", "echo", "batch_get", "create", "list"}));
  load->add_option("--connections", options.connections)->check(CLI::Range(1, 64));
  load->add_option("--outstanding", options.outstanding)->check(CLI::Range(1, 10000));
  load->add_option("--seconds", options.seconds)->check(CLI::PositiveNumber);
  load->add_option("--warm-up", options.warm_up)->check(CLI::NonNegativeNumber);
  load->add_option("--rate", options.rate, "Calls a second, come what may")
      ->check(CLI::PositiveNumber);
  load->add_option("--storm", options.storm, "Lists outstanding beside it")
      ->check(CLI::Range(1, 1000));
  CLI11_PARSE(app, argc, argv);

  if (rows->parsed()) {
    if (table == "categories") storegate::bench::PrintCategories(stdout);
    if (table == "products") storegate::bench::PrintProducts(stdout);
    if (table == "variables") storegate::bench::PrintVariables(stdout);
    return 0;
  }
  return storegate::bench::RunLoad(options) ? 0 : 1;
}
