#include "host/firewall_nft.h"

#include <stdio.h>
#include <string.h>

#include "host/program.h"

_Static_assert((int)PROGRAM_PROBLEM_SIZE + 5 <= (int)FIREWALL_PROBLEM_SIZE, "behind \"nft: \"");

enum err firewall_nft_find(char out_problem[static FIREWALL_PROBLEM_SIZE]) {
	char path[PROGRAM_PATH_SIZE];
	if (program_find("nft", path))
		return ERR_OK;
	(void)snprintf(out_problem, FIREWALL_PROBLEM_SIZE,
				   "there is no nft program; it is in the package nftables");
	return ERR_NOT_FOUND;
}

enum err firewall_nft_run_program(char *const arguments[], const char *text, size_t size,
								  int milliseconds,
								  char out_problem[static FIREWALL_PROBLEM_SIZE]) {
	char said[PROGRAM_PROBLEM_SIZE];
	enum err error = program_run(arguments, text, size, milliseconds, said);
	if (error)
		(void)snprintf(out_problem, FIREWALL_PROBLEM_SIZE, "nft: %s", said);
	return error;
}

enum err firewall_nft_run(const char *text, size_t size,
						  char out_problem[static FIREWALL_PROBLEM_SIZE]) {
	enum err error = firewall_nft_find(out_problem);
	if (error)
		return error;
	char path[PROGRAM_PATH_SIZE], json[] = "-j", file[] = "-f", input[] = "-";
	(void)program_find("nft", path);
	char *const arguments[] = {path, json, file, input, NULL};
	return firewall_nft_run_program(arguments, text, size, FIREWALL_NFT_TIMEOUT * 1000,
									out_problem);
}
