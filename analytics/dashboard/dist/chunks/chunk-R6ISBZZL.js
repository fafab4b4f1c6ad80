import{D as x,E as S,Ea as s,Ja as M,Ka as E,M as g,Pa as C,U as y,a as I,b as h,c as v,ea as T,fa as l,g as r,h as j,k,q as c,s as w,t as b,x as d}from"./chunk-DVZ2JOGS.js";var B={};I(B,{LiveCount:()=>P});function U({change:o,good:t}){if(o==null)return r`<span class="delta flat">${x}</span>`;let n=Math.abs(o)<.005,e=n?"flat":o*t>0?"good":"bad";return r`<span class=${"delta "+e}>
${!n&&r`<${T} name=${o>0?"up":"down"} size="12" /><span class="vh">
${s(o>0?"up":"down")} </span>`}${g(o)}
</span>`}function A(o){return o.period!=="custom"?s(o.period):y(o.from,o.to)}function io({state:o,go:t}){return r`<${l} kind="dates-menu" icon="calendar" label=${A(o)} title=${s("period")}>${n=>r`
<div role="menu" aria-label=${s("period")}>
${w.map((e,i)=>r`${(i===2||i===5)&&r`<div class="sep"></div>`}
<button key=${e.name} data-close class="item" role="menuitemradio" aria-checked=${o.period===e.name}
onClick=${()=>t({period:e.name,unit:""})}>${s(e.name)}<kbd class="kbd">${e.key}</kbd></button>`)}
</div>
<div class="sep"></div>
<${L} title=${s("otherDays")} isChosen=${o.period==="custom"} range=${d(o)} close=${n}
choose=${(e,i)=>t({period:"custom",from:e,to:i,unit:""})} />`}
<//>`}function L(o){let t=C(!0,()=>import("./range_form-P2IARXCQ.js"));return t&&r`<${t.RangeForm} ...${o} />`}var H=[{value:"previous",word:"comparePrevious"},{value:"year",word:"compareYear"},{value:"none",word:"compareNone"}];function N(o){let[t,n]=d(o);return[c(t,-364),c(n,-364)]}function so({state:o,go:t}){let n=o.compare!=="none",e=b(o.compare);return r`<${l} kind="compare-menu" icon="chart" button=${"btn"+(n?" on":"")} title=${s("compare")+" (C)"}
label=${r`<span class="short">${s("compare")}</span>`}>${i=>r`
<div role="menu" aria-label=${s("compare")}>
${H.map(({value:a,word:m})=>r`<button key=${a} data-close class="item" role="menuitemradio"
aria-checked=${o.compare===a}
onClick=${()=>t({compare:a})}>${s(m)}</button>`)}
</div>
<div class="sep"></div>
<${L} title=${s("compareCustom")} isChosen=${e!==null} range=${e??N(o)}
close=${i}
choose=${(a,m)=>t({compare:`${a}..${m}`})} />`}
<//>`}var D=4,u=18;function O({values:o}){let t=Math.max(1,...o);return r`<svg class="spark" width=${o.length*D} height=${u} aria-hidden="true">
${o.map((n,e)=>{let i=Math.max(n?2:1,n/t*u);return r`<rect key=${e} class=${n?"":"nil"} x=${e*D} y=${u-i} width="3"
height=${i} rx="1" />`})}</svg>`}function fo({values:o}){let t=Math.max(1,...o),n=100/Math.max(1,o.length-1),e=o.map((a,m)=>`${(m*n).toFixed(2)} ${(30-a/t*28).toFixed(2)}`),i=a=>a.length?"M"+a.join("L"):"";return r`<svg class=${"card-spark"+(o.some(Boolean)?"":" flat")} viewBox="0 0 100 31"
preserveAspectRatio="none" aria-hidden="true">
<path class="area" d=${i(e.slice(0,-1))+`L${e.at(-2)?.split(" ")[0]??0} 31L0 31Z`} />
<path class="line now" d=${i(e.slice(0,-1))} />
<path class="line now part" d=${i(e.slice(-2))} />
</svg>`}var R=2e3,F=3e4;function P(){let o=_(),t=o?.current_visitors??0;return r`<span class="live" title=${s("onlineTitle")}><span class=${t?"pulse":"pulse off"}></span>
${o?r`<span><b class="num">${S(t)}</b> <span class="words">${s("online",{},t)}</span>
</span>${o.series&&r`<${O} values=${o.series.map(n=>n.views)} />`}`:s("live")}
</span>`}function _(){let[o,t]=h(null);return v(()=>{let n="?site="+encodeURIComponent(j),e=0,i,a=()=>{clearTimeout(e),e=setTimeout(a,F),E("reports/realtime"+n+"&limit=1").then(t,()=>{})},m=0,$=()=>{m>Date.now()||(m=Date.now()+R,clearTimeout(e),e=setTimeout(a,R))},f=()=>{clearTimeout(e),i?.close(),i=void 0},p=()=>{if(document.hidden)return f();a(),!k&&(i??=new EventSource(M("reports/live"+n)),i.onmessage=$,i.addEventListener("event",$))};return p(),document.addEventListener("visibilitychange",p),()=>{f(),document.removeEventListener("visibilitychange",p)}},[]),o}export{B as a,U as b,O as c,fo as d,A as e,io as f,so as g};
