import{a as G,b as H,c as O,e as Q}from"./chunk-MBUBYPRG.js";import{e as C,f as T,g as E}from"./chunk-KNET57ZC.js";import"./chunk-3FAOWEPM.js";import{b as F,c as P}from"./chunk-SPHTWQJH.js";import"./chunk-LVLWG5QD.js";import"./chunk-MPMQ2PPM.js";import{b as A}from"./chunk-R6ISBZZL.js";import{A as j,D as k,Da as W,E as v,Ea as t,F as d,Fa as x,H as R,Ja as B,Na as _,Y as w,b as V,ba as I,c as b,ca as S,ea as M,g as o,ta as N,z as g}from"./chunk-DVZ2JOGS.js";await W(()=>import("./words_event_reports-5CJ26PE4.js"),()=>import("./words_event_reports_de-IQ5NF42S.js"));var z=10,h=["conversions","users","rate"];function J({goal:a,state:i,params:r,go:c,open:n,ready:m}){let p=r.by||O[0],u=K(a,i),{report:$,isRefused:y}=L(u+`&granularity=${g(i)}&dimension=${p}&limit=${z}`,i),{data:s,error:e}=$,f=h.find(l=>l===r.measure)??h[0],U=l=>n({...r,measure:l===h[0]?"":l},!0),D=s!==null||e!==null;b(()=>m(D),[D]);let q=l=>s?.previous&&o`<${A} change=${s.change?.[l]} good=${1} />
<span>${t("fromValue",{value:l==="rate"?R(s.previous[l]):d(s.previous[l])})}</span>`;return o`<${F} error=${e} meta=${s?.meta} retry=${$.retry} go=${c} />
${y&&o`<p class="note-line-text" role="status">${t("noComparison")}</p>`}
<section class=${"card hero"+($.isBusy&&s?" busy":"")} aria-label=${a.name}>
<div class="kpis four">
${h.map(l=>o`<${H} key=${l} name=${t(l)} metric=${l} value=${s?.[l]} chosen=${f}
choose=${U} foot=${q(l)} />`)}
${a.value?o`<${X} data=${s} /> `:o`<div class="kpi" title=${v(s?.active_users)}><span class="kpi-label">${t("active")}</span>
<span class="kpi-value">${d(s?.active_users)}</span><span class="kpi-foot"></span></div>`}
</div>
${s?!s.conversions&&!s.previous?.conversions?o`<${S} title=${t("noConversions")}>${t("noConversionsText")}<//>`:o`<${G} points=${s.series} before=${s.previous} metric=${f} name=${t(f)} total=${s[f]} unit=${s.granularity}
meta=${s.meta} state=${i} go=${c} csv=${B(u+`&granularity=${g(i)}&format=csv`)} />`:o`<div class="plot"><div class="plot-head"></div><div class="chart skeleton"></div></div>`}
</section>
<div class="main-gap"></div>
<${Y} data=${s} isBusy=${$.isBusy} dimension=${p} hasAmounts=${a.value!==null} state=${i} go=${c}
csv=${B(u+`&dimension=${p}&limit=1000&format=csv`)}
choose=${l=>n({...r,by:l===O[0]?"":l},!0)} />
${s&&o`<${P} meta=${s.meta} took=${$.took} />`}`}var K=(a,i)=>`goals/${a.id}/report?${j(i)}`;function L(a,i){let[r,c]=V(""),n=i.compare==="none"?a:`${a}&compare=${i.compare}`,m=r===n,p=_(m?a:n),u=p.error?.status===400&&p.error.message.startsWith("compare:");return b(()=>{u&&c(n)},[u]),{report:u?{...p,error:null}:p,isRefused:m}}function X({data:a}){let i=a?.amounts??[],[r,...c]=i;return o`<div class="kpi" title=${i.map(n=>`${n.amount} ${n.currency??""}`).join(", ")}><span class="kpi-label">${t("revenue")}</span>
<span class="kpi-value">${r?C(r):k}</span>
<span class="kpi-foot">${[...c.map(C),a?E(a):""].filter(Boolean).join(", ")}</span></div>`}function Y({data:a,isBusy:i,dimension:r,hasAmounts:c,state:n,go:m,csv:p,choose:u}){let $=a?.dimension===r?a.rows:null,y=Math.max(1,...($??[]).map(e=>e.conversions??0)),s=a?.other_conversions??0;return o`<section class=${"card panel"+(i&&$?" busy":"")} aria-label=${t("by")}>
<div class="tabs"><h2 class="tab on">${t("by")}</h2><${Q} value=${r} choose=${u} /><span class="grow"></span>
<a class="iconbtn" href=${p} download title=${t("csv")} aria-label=${`${t("csv")}: ${x(r)}`}><${M} name="download" /></a></div>
${$?$.length?o`<table class="wide">
<colgroup><col /><col class="c-v" /><col class="c-v hide-small" /><col class="c-v" />${c&&o`<col class="c-m hide-small" />`}</colgroup>
<thead><tr><th scope="col">${x(r)}</th><th scope="col">${t("conversions")}</th><th scope="col" class="hide-small">${t("users")}</th>
<th scope="col">${t("rate")}</th>${c&&o`<th scope="col" class="hide-small">${t("revenue")}</th>`}</tr></thead>
<tbody>${$.map(e=>o`<tr key=${e.value}><td class="row"><span class="fill" style=${{"--w":(e.conversions??0)/y*100+"%"}}></span>
<button class="cell" title=${t("filterBy",{value:e.value??w(r,null)})}
onClick=${()=>m({filter:N(n.filter,r,e.value)})}><${I} dimension=${r} value=${e.value} />
<span class=${e.value?"lbl":"lbl none"}>${w(r,e.value)}</span></button></td>
<td class="v" title=${v(e.conversions)}>${d(e.conversions)}</td><td class="v hide-small" title=${v(e.users)}>${d(e.users)}</td>
<td class="v">${R(e.rate)}</td>${c&&o`<td class="v hide-small money" title=${E(e)}>${T(e)||k}</td>`}</tr>`)}</tbody></table>`:o`<${S} title=${t("nothing")}>${t("nothingText")}<//>`:o`<div class="skeleton list-sk"></div>`}
<div class="panel-foot"><span>${s>0?t("otherValues",{n:v(s)},s):""}</span></div>
</section>`}export{J as default};
