/** Who issues the tokens of the benches, and for whom. */
export const issuer = "https://issuer.bench.example";
export const audience = "bench";
