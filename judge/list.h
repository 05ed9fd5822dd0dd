/* judge/list.h -- one line per judge, best known first. */
JUDGE(aca)
JUDGE(robust_rank)
JUDGE(sequential)
