import{b as u,d as x,e as d,f as B,g as C,h as F,i as M,j as E,k as R}from"./chunk-BTL7FUL4.js";import{c as T}from"./chunk-HF3NT5ME.js";import{b as w}from"./chunk-SPHTWQJH.js";import"./chunk-R6ISBZZL.js";import{Ca as S,D as h,E as m,Ea as o,F as y,K as g,c as b,ca as k,g as l}from"./chunk-DVZ2JOGS.js";var U=new Intl.NumberFormat(S,{minimumFractionDigits:1,maximumFractionDigits:1}),V=t=>t===null?h:t<1e3?`${Math.round(t)} ms`:`${U.format(t/1e3)} s`,v=[{name:"lcp",good:2500,poor:4e3,format:V},{name:"inp",good:200,poor:500,format:V},{name:"cls",good:.1,poor:.25,format:g}],f="path",A=20,L=({good:t,poor:a},n)=>n<=t?"good":n<=a?"needsWork":"poor";function K({state:t,go:a,onReady:n}){let e=[d(t,u+"lcp",f),d(t,u+"inp",f),d(t,u+"cls",f)],r=e.find(s=>s.error),c=e.some(s=>s.isBusy),i=e.every(s=>s.data!==null&&!s.isBusy);b(()=>n(i),[i]);let p=e.every(s=>s.data?.count===0);return l`<div class="vitals-head"><${E} state=${t} go=${a} /><${R} state=${t} go=${a} /></div>
<${w} error=${r?.error??null} retry=${()=>e.forEach(s=>s.error&&s.retry())} go=${a} />
${p&&l`<div class="card"><${k} title=${o("noSamplesHere")}>${o("emptyText")}<//></div>`}
${!p&&l`<div class="vitals">${v.map((s,$)=>l`<${D} key=${s.name} vital=${s}
data=${e[$].data} isBusy=${e[$].isBusy} state=${t} />`)}</div>
<${P} reports=${e.map(s=>s.data)} isBusy=${c} state=${t} go=${a} />`}`}function D({vital:t,data:a,isBusy:n,state:e}){let{name:r,good:c,poor:i,format:p}=t,s=a?.p75??null;return l`<section class=${"card vital"+(n&&a?" busy":"")} aria-label=${o(r)}>
<h2 class="kpi-label"><b>${r.toUpperCase()}</b> ${o(r)}</h2>
${a?l`<div class="vital-value"><span class="kpi-value"
title=${m(s)}>${p(s)}</span>${s!==null&&l`<${N} rating=${L(t,s)} />`}</div>
<${H} vital=${t} value=${s} />
<p class="vital-text">${o(`${r}Text`)}. ${o("vitalLimits",{good:p(c),poor:p(i)})}.</p>
<${I} vital=${t} data=${a} state=${e} />
<p class="vital-text num">${o("vitalFoot",{n:m(a.count)},a.count)}</p>`:l`<div class="skeleton vital-sk"></div>`}
</section>`}var N=({rating:t,isShort:a})=>l`<span class=${"rated "+t}><span class="sign" aria-hidden="true"></span>
<span class=${a?"vh":""}>${o(t)}</span></span>`;function H({vital:{good:t,poor:a},value:n}){let e=n===null?0:n<=t?n/t/3:n<=a?.3333333333333333+(n-t)/(a-t)/3:Math.min(.99,1-a/n/3);return l`<div class="scale" aria-hidden="true"><i class="good"></i><i class="needsWork"></i><i class="poor"></i>
${n!==null&&l`<b style=${{"--x":e*100+"%"}}></b>`}</div>`}function I({vital:t,data:a,state:n}){let{series:e,isOpen:r}=B(a);if(!a.count)return l`<div class="vital-none">${o("noSamplesHere")}</div>`;let c=i=>({title:F(e[i].start,n),rows:[{kind:"line-first",name:"p75",value:t.format(e[i].p75)},{kind:"",name:o("loads"),value:m(e[i].count)}]});return l`<${T} lines=${[{kind:"first",values:e.map(i=>i.p75)}]} kind="views_per_visit" height=${150}
label=${o("vitalLabel",{name:o(t.name),unit:o(x(n)+"Unit")})}
format=${t.format} read=${c} isOpen=${r}
name=${i=>C(e[i].start,n,e.length)} />`}function P({reports:t,isBusy:a,state:n,go:e}){if(t.some(s=>s===null))return null;let r=t.map(s=>new Map(s?.groups?.map($=>[$.value,$]))),c=s=>Math.max(...r.map($=>$.get(s)?.count??0)),i=[...new Set(r.flatMap(s=>[...s.keys()]))].toSorted((s,$)=>c($)-c(s)).slice(0,A),p=Math.max(1,...i.map(c));return l`<section class=${"card panel vital-paths"+(a?" busy":"")} aria-label=${o("pages")}>
<div class="tabs"><h2 class="tab on">${o("pages")}</h2></div>
<table><colgroup><col /><col class="c-v hide-small" />${v.map(({name:s})=>l`<col key=${s} class="c-v" />`)}</colgroup>
<thead><tr><th scope="col">${o("path")}</th><th scope="col" class="hide-small">${o("loads")}</th>
${v.map(({name:s})=>l`<th scope="col" key=${s}><abbr title=${o(s)}>${s.toUpperCase()}</abbr></th>`)}</tr></thead>
<tbody>${i.map(s=>l`<tr key=${s}>
<td class="row"><span class="fill" style=${{"--w":c(s)/p*100+"%"}}></span>
${s===null?l`<span class="cell"><span class="lbl none">${o("tagNone")}</span></span>`:l`<button
class="cell" title=${o("onlyTag",{value:s})} onClick=${()=>e({tags:M(n,f,s)})}>
<span class="lbl">${s||o("noValue")}</span></button>`}</td>
<td class="v hide-small" title=${m(c(s))}>${y(c(s))}</td>
${v.map(($,O)=>l`<${W} key=${$.name} vital=${$}
value=${r[O].get(s)?.p75??null} />`)}</tr>`)}</tbody></table>
<div class="panel-foot"><span>${o("vitalsFoot")}</span></div>
</section>`}var W=({vital:t,value:a})=>l`<td class="v">${a===null?h:l`<${N}
rating=${L(t,a)} isShort=${!0} />${t.format(a)}`}</td>`;export{K as Vitals};
