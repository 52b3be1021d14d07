#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wfloat-conversion"
#pragma GCC diagnostic ignored "-Wmisleading-indentation"
#include "kernel/attention.h"
#include <vector>
#include <cmath>
namespace posbench {
static size_t off(const AttentionShape&s,size_t i,long&n,long&row){row=s.offsets[i];n=s.offsets[i+1]-row;return 0;}
std::size_t attention_weights(const AttentionShape& s){ size_t t=0; for(size_t i=0;i+1<s.offsets.size();i++){long n,r;off(s,i,n,r);t+=s.heads*n*n;} return t;}
std::size_t attention_scratch(const AttentionShape&){return 16;}
static double L(float v){return v;} static double L(double v){return v;} static double L(Bf16 v){return to_float(v);}
static void S(float&d,double v){d=v;} static void S(double&d,double v){d=v;} static void S(Bf16&d,double v){d=to_bf16(v);}
template<class T,class R> void fw(const AttentionShape& s,const T*qkv,const R*b,R*,T*w,T*c){ size_t at=0; long d=s.hidden,hs=d/s.heads; for(size_t i=0;i+1<s.offsets.size();i++){long n,r;off(s,i,n,r); long m=s.lengths.empty()?n:s.lengths[i]; for(int h=0;h<s.heads;h++){ auto q=[&](int p,long t,long k){return L(qkv[(r+t)*3*d+p*d+h*hs+k])+(b?b[p*d+h*hs+k]:0);};
 for(long t=0;t<n;t++){ std::vector<double> p(n); double sum=0; if(t<m){for(long j=0;j<m;j++){double x=0;for(long k=0;k<hs;k++)x+=q(0,t,k)*q(1,j,k); p[j]=std::exp(x/std::sqrt(hs)); sum+=p[j];} for(auto&x:p)x/=sum;} if(w)for(long j=0;j<n;j++)S(w[at+t*n+j],p[j]); for(long k=0;k<hs;k++){double x=0;for(long j=0;j<m;j++)x+=p[j]*q(2,j,k); S(c[(r+t)*d+h*hs+k],x);} } at+=n*n;}}}
template<class T,class R> void bw(const AttentionShape& s,const T*qkv,const R*b,const T*w,const T*dc,T*dq,R*db){ size_t at=0; long d=s.hidden,hs=d/s.heads; for(size_t i=0;i+1<s.offsets.size();i++){long n,r;off(s,i,n,r); for(int h=0;h<s.heads;h++){ auto q=[&](int p,long t,long k){return L(qkv[(r+t)*3*d+p*d+h*hs+k])+(b?b[p*d+h*hs+k]:0);}; std::vector<double> g(3*n*hs);
 for(long t=0;t<n;t++){ std::vector<double> dp(n); double D=0; for(long j=0;j<n;j++){double x=0;for(long k=0;k<hs;k++){x+=L(dc[(r+t)*d+h*hs+k])*q(2,j,k); g[(2*n+j)*hs+k]+=L(w[at+t*n+j])*L(dc[(r+t)*d+h*hs+k]);} dp[j]=x; D+=x*L(w[at+t*n+j]);} for(long j=0;j<n;j++){double ds=L(w[at+t*n+j])*(dp[j]-D)/std::sqrt(hs); for(long k=0;k<hs;k++){g[t*hs+k]+=ds*q(1,j,k); g[(n+j)*hs+k]+=ds*q(0,t,k);}}}
 for(int p=0;p<3;p++)for(long t=0;t<n;t++)for(long k=0;k<hs;k++){S(dq[(r+t)*3*d+p*d+h*hs+k],g[(p*n+t)*hs+k]); db[p*d+h*hs+k]+=g[(p*n+t)*hs+k];} at+=n*n;}}}
#define Q(S_,R_) void attention(const AttentionShape& s, const S_* q, const R_* b, const ScoreBias<R_>&, R_* x, S_* w, S_* c){fw(s,q,b,x,w,c);} void attention_backward(const AttentionShape& s, const S_* q, const R_* b, const ScoreBias<R_>&, const S_* w, const S_* dc, R_*, S_* dq, R_* db, R_*){bw(s,q,b,w,dc,dq,db);}
Q(float,float) Q(double,double) Q(Bf16,float)
}
