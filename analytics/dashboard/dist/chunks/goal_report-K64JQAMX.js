import{a as T,b as W,c as C,h as G}from"./chunk-QLS6DY2W.js";import{d as x,e as P,f as B}from"./chunk-B6TNGEH2.js";import"./chunk-AZHLYJBZ.js";import"./chunk-22CEYVEG.js";import{b as A,c as F}from"./chunk-UO3QC5Z5.js";import"./chunk-QORAWW77.js";import"./chunk-YF7XTT2S.js";import{b as M}from"./chunk-ZJPEX3X2.js";import"./chunk-5QQWLRGC.js";import"./chunk-6M7UO4EF.js";import{A as d,C as R,Fa as t,Ga as E,La as O,Pa as H,W as w,Y as I,b as V,c as b,g as o,na as N,qa as _,ra as S,u as g,v as j,y as k,z as v}from"./chunk-UMTCUHV3.js";var q=10,h=["conversions","users","rate"];function z({goal:a,state:c,params:r,go:i,open:n,ready:m}){let u=r.by||C[0],p=J(a,c),{report:$,isRefused:y}=K(p+`&granularity=${g(c)}&dimension=${u}&limit=${q}`,c),{data:s,error:e}=$,f=h.find(l=>l===r.measure)??h[0],Q=l=>n({...r,measure:l===h[0]?"":l},!0),D=s!==null||e!==null;b(()=>m(D),[D]);let U=l=>s?.previous&&o`<${M} change=${s.change?.[l]} good=${1} />
    <span>${t("fromValue",{value:l==="rate"?R(s.previous[l]):d(s.previous[l])})}</span>`;return o`<${A} error=${e} meta=${s?.meta} retry=${$.retry} go=${i} />
    ${y&&o`<p class="note-line-text" role="status">${t("noComparison")}</p>`}
    <section class=${"card hero"+($.isBusy&&s?" busy":"")} aria-label=${a.name}>
      <div class="kpis four">
        ${h.map(l=>o`<${W} key=${l} name=${t(l)} metric=${l} value=${s?.[l]} chosen=${f}
          choose=${Q} foot=${U(l)} />`)}
        ${a.value?o`<${L} data=${s} /> `:o`<div class="kpi" title=${v(s?.active_users)}><span class="kpi-label">${t("active")}</span>
          <span class="kpi-value">${d(s?.active_users)}</span><span class="kpi-foot"></span></div>`}
      </div>
      ${s?!s.conversions&&!s.previous?.conversions?o`<${S} title=${t("noConversions")}>${t("noConversionsText")}<//>`:o`<${T} points=${s.series} before=${s.previous} metric=${f} name=${t(f)} total=${s[f]} unit=${s.granularity}
          meta=${s.meta} state=${c} go=${i} csv=${O(p+`&granularity=${g(c)}&format=csv`)} />`:o`<div class="plot"><div class="plot-head"></div><div class="chart skeleton"></div></div>`}
    </section>
    <div class="main-gap"></div>
    <${X} data=${s} isBusy=${$.isBusy} dimension=${u} hasAmounts=${a.value!==null} state=${c} go=${i}
      csv=${O(p+`&dimension=${u}&limit=1000&format=csv`)}
      choose=${l=>n({...r,by:l===C[0]?"":l},!0)} />
    ${s&&o`<${F} meta=${s.meta} took=${$.took} />`}`}var J=(a,c)=>`goals/${a.id}/report?${j(c)}`;function K(a,c){let[r,i]=V(""),n=c.compare==="none"?a:`${a}&compare=${c.compare}`,m=r===n,u=H(m?a:n),p=u.error?.status===400&&u.error.message.startsWith("compare:");return b(()=>{p&&i(n)},[p]),{report:p?{...u,error:null}:u,isRefused:m}}function L({data:a}){let c=a?.amounts??[],[r,...i]=c;return o`<div class="kpi" title=${c.map(n=>`${n.amount} ${n.currency??""}`).join(", ")}><span class="kpi-label">${t("revenue")}</span>
    <span class="kpi-value">${r?x(r):k}</span>
    <span class="kpi-foot">${[...i.map(x),a?B(a):""].filter(Boolean).join(", ")}</span></div>`}function X({data:a,isBusy:c,dimension:r,hasAmounts:i,state:n,go:m,csv:u,choose:p}){let $=a?.dimension===r?a.rows:null,y=Math.max(1,...($??[]).map(e=>e.conversions??0)),s=a?.other_conversions??0;return o`<section class=${"card panel"+(c&&$?" busy":"")} aria-label=${t("by")}>
    <div class="tabs"><h2 class="tab on">${t("by")}</h2><${G} value=${r} choose=${p} /><span class="grow"></span>
      <a class="iconbtn" href=${u} download title=${t("csv")} aria-label=${`${t("csv")}: ${E(r)}`}><${I} name="download" /></a></div>
    ${$?$.length?o`<table class="wide">
      <colgroup><col /><col class="c-v" /><col class="c-v hide-small" /><col class="c-v" />${i&&o`<col class="c-m hide-small" />`}</colgroup>
      <thead><tr><th scope="col">${E(r)}</th><th scope="col">${t("conversions")}</th><th scope="col" class="hide-small">${t("users")}</th>
        <th scope="col">${t("rate")}</th>${i&&o`<th scope="col" class="hide-small">${t("revenue")}</th>`}</tr></thead>
      <tbody>${$.map(e=>o`<tr key=${e.value}><td class="row"><span class="fill" style=${{"--w":(e.conversions??0)/y*100+"%"}}></span>
        <button class="cell" title=${t("filterBy",{value:e.value??w(r,null)})}
          onClick=${()=>m({filter:N(n.filter,r,e.value)})}><${_} dimension=${r} value=${e.value} />
          <span class=${e.value?"lbl":"lbl none"}>${w(r,e.value)}</span></button></td>
        <td class="v" title=${v(e.conversions)}>${d(e.conversions)}</td><td class="v hide-small" title=${v(e.users)}>${d(e.users)}</td>
        <td class="v">${R(e.rate)}</td>${i&&o`<td class="v hide-small money" title=${B(e)}>${P(e)||k}</td>`}</tr>`)}</tbody></table>`:o`<${S} title=${t("nothing")}>${t("nothingText")}<//>`:o`<div class="skeleton list-sk"></div>`}
    <div class="panel-foot"><span>${s>0?t("otherValues",{n:v(s)},s):""}</span></div>
  </section>`}export{z as default};
