/* judge/list.h -- one line per judge, best known first. */
JUDGE(aca)
JUDGE(robust_rank)
JUDGE(mean)
JUDGE(distribution)
JUDGE(rate)
JUDGE(sequential)
JUDGE(auto)
JUDGE(dredd)
