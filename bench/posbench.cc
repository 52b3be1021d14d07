#include "cli/cli.h"

int main(int argc, char** argv) { return posbench::posbench_main({argv + 1, argv + argc}); }
