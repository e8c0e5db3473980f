// The catalog as rows, for COPY and for pgbench.
#pragma once

#include <cstdio>

namespace storegate::bench {

// COPY's text format, with the columns in the order in which bench/postgres.py
// names them.
void PrintCategories(std::FILE* out);
void PrintProducts(std::FILE* out);

// NAME=VALUE lines, a pgbench variable each: the columns of one product.
void PrintVariables(std::FILE* out);

}  // namespace storegate::bench
